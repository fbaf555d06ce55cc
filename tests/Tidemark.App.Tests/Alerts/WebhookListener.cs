using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Tidemark.App.Tests.Alerts;

/// <param name="Id">The header <c>webhook-id</c>.</param>
/// <param name="Seconds">The header <c>webhook-timestamp</c>.</param>
/// <param name="Signature">The header <c>webhook-signature</c>.</param>
/// <param name="Text">The body.</param>
/// <param name="Status">What was answered.</param>
internal sealed record ReceivedWebhook(string Id, string Seconds, string Signature, string Text, int Status)
{
    public JsonNode Body => JsonNode.Parse(Text)!;

    /// <summary>Such as <c>alert.firing too_hot a</c>.</summary>
    public string Line => $"{Body["type"]} {Body["data"]!["rule"]} {Body["data"]!["sensor_id"]}";
}

/// <summary>Who is told of alerts, as a server of its own on a port of the system's.</summary>
internal sealed class WebhookListener : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<ReceivedWebhook> _all = new();

    private WebhookListener(WebApplication app) => _app = app;

    /// <summary>What it answers.</summary>
    public HttpStatusCode Status { get; set; } = HttpStatusCode.OK;

    public string? RetryAfter { get; set; }

    public string Url => $"{_app.Urls.Single()}/hook";

    public IReadOnlyList<ReceivedWebhook> All => [.. _all];

    public IReadOnlyList<ReceivedWebhook> Taken => [.. _all.Where(w => w.Status is >= 200 and < 300)];

    public static async Task<WebhookListener> StartAsync(string url = "http://127.0.0.1:0")
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls(url);
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var listener = new WebhookListener(app);
        app.MapPost("/hook", listener.TakeAsync);
        await app.StartAsync();
        return listener;
    }

    /// <summary>Waits until so many have been taken, and gives them as lines.</summary>
    public async Task<IReadOnlyList<string>> TakenAsync(int count)
    {
        await Until.TrueAsync(() => Taken.Count >= count, () => string.Join("\n", All));
        return [.. Taken.Select(w => w.Line)];
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var text = await reader.ReadToEndAsync();
        string Header(string name) => context.Request.Headers[name].ToString();
        context.Response.StatusCode = (int)Status;
        if (RetryAfter is { } seconds)
        {
            context.Response.Headers.RetryAfter = seconds;
        }

        _all.Enqueue(new ReceivedWebhook(
            Header("webhook-id"), Header("webhook-timestamp"), Header("webhook-signature"), text, (int)Status));
    }
}

internal static class Until
{
    // Long after anything slow: it only ends what hangs.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static Task TrueAsync(Func<bool> condition, Func<string>? describe = null)
        => TrueAsync(() => Task.FromResult(condition()), describe);

    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string>? describe = null)
    {
        var end = DateTime.UtcNow + Patience;
        while (!await condition())
        {
            Assert.True(DateTime.UtcNow < end, describe?.Invoke() ?? "it did not come true");
            await Task.Delay(10);
        }
    }
}
