using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Tidemark.Alerts;
using Tidemark.Configuration;
using Tidemark.Server.Hosting;
using Tidemark.Server.Keys;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Alerts;

/// <param name="Alerts">By rule and sensor.</param>
/// <param name="Count">How many there are, beyond the limit too.</param>
public sealed record AlertsAnswer(IReadOnlyList<ActiveAlert> Alerts, int Count);

/// <param name="Rules">Those of the configuration, then those of the API.</param>
/// <param name="Receivers">Who a rule can notify.</param>
public sealed record AlertRulesAnswer(IReadOnlyList<AlertRuleAnswer> Rules, IReadOnlyList<string> Receivers);

/// <param name="Source"><c>configuration</c> or <c>api</c>.</param>
/// <param name="Expression">The condition in words.</param>
/// <param name="Rule">With the members that the configuration has.</param>
public sealed record AlertRuleAnswer(string Source, string Expression, JsonObject Rule);

/// <param name="Receiver">A webhook's name, or <c>mqtt</c>.</param>
public sealed record AlertTestRequest([property: JsonRequired] string Receiver);

/// <param name="Delivered">Whether the receiver took the message.</param>
/// <param name="Error">Why it didn't.</param>
public sealed record AlertTestAnswer(bool Delivered, string? Error);

internal static class AlertEndpoints
{
    private const int DefaultLimit = 1000;
    private const int MostRules = 1000;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    public static void AddAlerts(this IServiceCollection services)
    {
        services.AddSingleton<AlertCounts>();
        services.AddSingleton<AlertReceivers>();
        services.AddSingleton<AlertReport>();
        services.AddSingleton<AlertEvaluator>();
        services.AddHostedService(s => s.GetRequiredService<AlertEvaluator>());
    }

    public static void MapAlerts(this IEndpointRouteBuilder app)
    {
        app.MapGet("/api/alerts", ListAsync)
            .Describe("Alerts", "Lists alerts", "Those that are firing or pending, by rule and sensor.")
            .TakesQuery("state", "rule", "sensors", "limit")
            .Produces<Problem>(StatusCodes.Status400BadRequest, Problem.ContentType);
        app.MapGet("/api/alerts/rules", ListRulesAsync)
            .Describe("Alerts", "Lists the rules", "Those of the configuration, then those that the API added.");
        app.MapPut("/api/alerts/rules/{name}", PutRuleAsync)
            .RequireScope(Scope.Admin)
            .Describe("Alerts", "Adds or changes a rule", "With the members that the configuration has. States go on when the condition "
                + "stays the same; else firing alerts of the rule are resolved first.")
            .Accepts<JsonObject>("application/json")
            .Produces<Problem>(StatusCodes.Status400BadRequest, Problem.ContentType);
        app.MapDelete("/api/alerts/rules/{name}", RemoveRuleAsync)
            .RequireScope(Scope.Admin)
            .Describe("Alerts", "Takes a rule away", "Its firing alerts are resolved.")
            .Produces(StatusCodes.Status204NoContent)
            .Produces<Problem>(StatusCodes.Status404NotFound, Problem.ContentType);
        app.MapPost("/api/alerts/test", TestAsync)
            .RequireScope(Scope.Admin)
            .Describe("Alerts", "Tries a receiver out", "Sends it a message of the type alert.test, once.")
            .Produces<Problem>(StatusCodes.Status404NotFound, Problem.ContentType);
    }

    private static async Task<AlertsAnswer> ListAsync(
        string? state, string? rule, string? sensors, int? limit, ITelemetryStore store, CancellationToken cancellationToken)
    {
        var errors = new List<string>();
        AlertState? wanted = state switch { "firing" => AlertState.Firing, "pending" => AlertState.Pending, _ => null };
        if (state is not null && wanted is null)
        {
            errors.Add($"state '{state}' is not firing or pending");
        }

        var selection = SensorSelection.All;
        if (sensors is not null && !SensorSelection.TryParse(sensors, out selection, out var error))
        {
            errors.Add(error);
        }

        if (limit is < 1 or > 100_000)
        {
            errors.Add($"limit {limit} is not 1 to 100000");
        }

        RequestException.ThrowIfAny(errors);
        var (alerts, count) = (new List<ActiveAlert>(), 0);
        await foreach (var alert in AlertDocuments.ReadAlertsAsync(store, cancellationToken))
        {
            if ((wanted is null || alert.State == wanted) && (rule is null || alert.Rule == rule) && selection.Matches(alert.SensorId)
                && count++ < (limit ?? DefaultLimit))
            {
                alerts.Add(alert);
            }
        }

        return new AlertsAnswer(alerts, count);
    }

    private static async Task<AlertRulesAnswer> ListRulesAsync(
        ITelemetryStore store, TidemarkOptions options, CancellationToken cancellationToken)
        => new(
            [.. (await AlertDocuments.ReadAllRulesAsync(options.Alerts, store, cancellationToken)).Select(r => Answer(r, options))],
            options.Alerts.Receivers);

    private static async Task<AlertRuleAnswer> PutRuleAsync(
        HttpContext context, string name, ITelemetryStore store, TidemarkOptions options, AlertEvaluator evaluator,
        CancellationToken cancellationToken)
    {
        RefuseConfigured(name, options);
        var json = await ReadAsync(context.Request, name, cancellationToken);
        var errors = new List<string>();
        var rule = new AlertRuleBinder(options.Alerts.Receivers, errors).Read(json);
        RequestException.ThrowIfAny(errors);
        var others = await AlertDocuments.ReadAllRulesAsync(options.Alerts, store, cancellationToken);
        if (others.Count >= MostRules && others.All(r => r.Name != name))
        {
            throw new RequestException([$"there are {MostRules} rules, and no more are taken: take one away first"]);
        }

        await AlertDocuments.WriteRuleAsync(store, rule!, cancellationToken);
        evaluator.Wake();
        return Answer(rule!, options);
    }

    private static async Task<IResult> RemoveRuleAsync(
        string name, ITelemetryStore store, TidemarkOptions options, AlertEvaluator evaluator, CancellationToken cancellationToken)
    {
        RefuseConfigured(name, options);
        if (!Identifier.IsValid(name) || !await AlertDocuments.RemoveRuleAsync(store, name, cancellationToken))
        {
            throw new RequestException([$"there is no rule '{name}'"], StatusCodes.Status404NotFound);
        }

        evaluator.Wake();
        return Results.NoContent();
    }

    private static async Task<AlertTestAnswer> TestAsync(
        AlertTestRequest request, AlertReceivers receivers, CancellationToken cancellationToken)
    {
        var delivery = await receivers.TestAsync(request.Receiver, cancellationToken) ?? throw new RequestException(
            [$"there is no receiver '{request.Receiver}'; the configuration has {Names(receivers)}"], StatusCodes.Status404NotFound);
        return new AlertTestAnswer(delivery.Outcome == DeliveryOutcome.Delivered, delivery.Error);
    }

    private static string Names(AlertReceivers receivers)
        => receivers.All.Count == 0 ? "none" : string.Join(", ", receivers.All.Select(r => r.Name));

    private static AlertRuleAnswer Answer(AlertRule rule, TidemarkOptions options) => new(
        options.Alerts.Rules.Any(r => r.Name == rule.Name) ? "configuration" : "api", rule.Expression, OptionsWriter.Rule(rule));

    private static void RefuseConfigured(string name, TidemarkOptions options)
    {
        if (options.Alerts.Rules.Any(r => r.Name == name))
        {
            throw new RequestException([$"the rule '{name}' is configured: change it there"]);
        }
    }

    /// <exception cref="RequestException">It is no JSON object; 415 when it isn't sent as JSON, as pages of other sites can't.</exception>
    private static async Task<string> ReadAsync(HttpRequest request, string name, CancellationToken cancellationToken)
    {
        if (Ndjson.MediaType(request.ContentType) != "application/json")
        {
            throw new RequestException(
                [$"content type '{request.ContentType}' is not supported; send application/json"],
                StatusCodes.Status415UnsupportedMediaType);
        }

        try
        {
            var json = await JsonNode.ParseAsync(request.Body, null, Strict, cancellationToken) as JsonObject
                ?? throw new RequestException(["the rule is not a JSON object"]);
            if (json["name"] is { } said && said.ToString() != name)
            {
                throw new RequestException([$"name: '{said}' is not the name in the address, {name}"]);
            }

            json["name"] = name;
            return json.ToJsonString();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The latter are halves of characters.
            throw new RequestException([$"the rule is not a JSON object: {e.Message.ReplaceLineEndings(" ")}"]);
        }
    }
}
