using System.Runtime.CompilerServices;
using System.Text.Json;
using Tidemark.Alerts;
using Tidemark.Configuration;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Alerts;

/// <summary>
/// What alerting keeps with the store: rules of the API, alerts that are pending or firing, and messages that are not delivered.
/// </summary>
public static class AlertDocuments
{
    internal const string Lease = "alerts/lease";
    internal const string Position = "alerts/position";
    internal const string Outbox = "alerts/outbox/";

    private const string Rules = "alerts/rules/";
    private const string States = "alerts/states/";
    private const int PageSize = 1000;

    /// <summary>Streams the alerts that are pending or firing, by rule and sensor.</summary>
    public static async IAsyncEnumerable<ActiveAlert> ReadAlertsAsync(
        ITelemetryStore store, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var document in ReadAsync(store, States, cancellationToken))
        {
            yield return JsonSerializer.Deserialize<ActiveAlert>(document.Text!, WireJson.Options)!;
        }
    }

    /// <summary>The rules of the API, whoever they notify.</summary>
    public static async Task<IReadOnlyList<AlertRule>> ReadRulesAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
        var rules = new List<AlertRule>();
        await foreach (var document in ReadAsync(store, Rules, cancellationToken))
        {
            if (new AlertRuleBinder(null, []).Read(document.Text!) is { } rule)
            {
                rules.Add(rule);
            }
        }

        return rules;
    }

    /// <summary>The rules of the configuration, then those of the API that have other names.</summary>
    public static async Task<IReadOnlyList<AlertRule>> ReadAllRulesAsync(
        AlertOptions options, ITelemetryStore store, CancellationToken cancellationToken)
    {
        var added = await ReadRulesAsync(store, cancellationToken);
        return [.. options.Rules, .. added.Where(a => options.Rules.All(r => r.Name != a.Name))];
    }

    /// <summary>A server notices within seconds.</summary>
    public static Task WriteRuleAsync(ITelemetryStore store, AlertRule rule, CancellationToken cancellationToken)
        => store.WriteDocumentsAsync([new(Rules + rule.Name, OptionsWriter.Rule(rule).ToJsonString())], null, cancellationToken);

    /// <returns>Whether there was one.</returns>
    public static async Task<bool> RemoveRuleAsync(ITelemetryStore store, string name, CancellationToken cancellationToken)
    {
        var found = (await store.ReadDocumentsAsync(Rules + name, "", 1, cancellationToken)).Any(d => d.Name == Rules + name);
        return found && await store.WriteDocumentsAsync([new(Rules + name, null)], null, cancellationToken);
    }

    internal static StoredDocument Of(ActiveAlert alert) => new(
        $"{States}{alert.Rule}/{alert.SensorId}",
        alert.State == AlertState.Inactive ? null : JsonSerializer.Serialize(alert, WireJson.Options));

    internal static StoredDocument Of(AlertMessage message) => new(message.Document, JsonSerializer.Serialize(message, WireJson.Options));

    internal static async Task<IReadOnlyList<AlertMessage>> ReadOutboxAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
        var messages = new List<AlertMessage>();
        await foreach (var document in ReadAsync(store, Outbox, cancellationToken))
        {
            messages.Add(JsonSerializer.Deserialize<AlertMessage>(document.Text!, WireJson.Options)!);
        }

        return messages;
    }

    internal static async Task<string?> ReadTextAsync(ITelemetryStore store, string name, CancellationToken cancellationToken)
        => (await store.ReadDocumentsAsync(name, "", 1, cancellationToken)).FirstOrDefault(d => d.Name == name)?.Text;

    private static async IAsyncEnumerable<StoredDocument> ReadAsync(
        ITelemetryStore store, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var after = ""; ;)
        {
            var page = await store.ReadDocumentsAsync(prefix, after, PageSize, cancellationToken);
            foreach (var document in page)
            {
                yield return document;
            }

            if (page.Count < PageSize)
            {
                yield break;
            }

            after = page[^1].Name;
        }
    }
}
