using System.Net.ServerSentEvents;
using System.Text.Json.Nodes;

namespace Tidemark.App.Tests.Http;

/// <summary>An event as the framework's parser gives it, with the id that a client would go on from.</summary>
public sealed record LiveEvent(string Type, JsonNode Data, string Id);

/// <summary>Listens to <c>/api/live</c>.</summary>
public sealed class LiveClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly HttpResponseMessage _answer;
    private readonly SseParser<string> _parser;
    private readonly IAsyncEnumerator<SseItem<string>> _events;
    private Task<bool>? _next;

    private LiveClient(HttpResponseMessage answer, Stream stream)
    {
        _answer = answer;
        _parser = SseParser.Create(stream);
        _events = _parser.EnumerateAsync().GetAsyncEnumerator();
    }

    public HttpResponseMessage Answer => _answer;

    public string LastEventId => _parser.LastEventId;

    public static async Task<LiveClient> OpenAsync(HttpClient client, string query = "", string? lastEventId = null, string? key = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, $"/api/live{query}");
        request.Headers.Add("Last-Event-ID", lastEventId is null ? [] : [lastEventId]);
        request.Headers.Authorization = key is null ? null : new("Bearer", key);
        var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.True(answer.IsSuccessStatusCode, $"{(int)answer.StatusCode}");
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        return new LiveClient(answer, await answer.Content.ReadAsStreamAsync());
    }

    /// <returns>Null at the end.</returns>
    public async Task<LiveEvent?> NextAsync(TimeSpan? patience = null)
    {
        _next ??= _events.MoveNextAsync().AsTask();
        var there = await _next.WaitAsync(patience ?? Patience);
        _next = null;
        return there
            ? new LiveEvent(_events.Current.EventType, JsonNode.Parse(_events.Current.Data)!, _parser.LastEventId)
            : null;
    }

    /// <summary>So many readings, as <c>SENSOR HH:mm temperature</c>.</summary>
    public async Task<List<string>> ReadingsAsync(int count)
    {
        var readings = new List<string>();
        while (readings.Count < count)
        {
            var next = await NextAsync();
            Assert.Equal("reading", next?.Type);
            readings.Add(Text(next!.Data));
        }

        return readings;
    }

    public static string Text(JsonNode reading)
        => $"{reading["sensor_id"]} {reading["time"]!.GetValue<string>()[11..16]} {reading["temperature"]}";

    public ValueTask DisposeAsync()
    {
        _answer.Dispose();
        return ValueTask.CompletedTask;
    }
}
