using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Tidemark.Benchmarks;

/// <summary>Asks a server on the loopback, connections kept alive, every answer read whole.</summary>
/// <param name="url">Where; the certificate of a proxy on the loopback is believed.</param>
/// <param name="key">Sent with every request; none unless given.</param>
/// <param name="compressed">Whether answers are asked for compressed, as browsers do.</param>
internal sealed class HttpLayer(Uri url, string? key = null, bool compressed = false) : IDisposable
{
    private readonly HttpClient _client = new(new HttpClientHandler
    {
        ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator,
        AutomaticDecompression = compressed ? DecompressionMethods.All : DecompressionMethods.None,
    })
    {
        BaseAddress = url,
        DefaultRequestHeaders = { Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key) },
    };

    /// <summary>Whether anything answers there, and well.</summary>
    public async Task<bool> AnswersAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await _client.GetAsync(path, cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    public async Task<Samples> MeasureAsync(
        SensorQuery query,
        int warmUp,
        int count,
        Func<string> sensor,
        CancellationToken cancellationToken)
    {
        await RequireRowsAsync(query, sensor(), cancellationToken);
        return await Samples.MeasureAsync(warmUp, count, _ => GetAsync(query, sensor(), cancellationToken), cancellationToken);
    }

    public Task<byte[]> GetAsync(SensorQuery query, string sensor, CancellationToken cancellationToken)
        => _client.GetByteArrayAsync(query.Path(sensor), cancellationToken);

    /// <summary>Posts NDJSON and requires that every reading was written.</summary>
    public async Task PostAsync(byte[] ndjson, int readings, CancellationToken cancellationToken)
    {
        using var content = new ByteArrayContent(ndjson);
        content.Headers.ContentType = new("application/x-ndjson");
        using var answer = await _client.PostAsync("/api/readings", content, cancellationToken);
        answer.EnsureSuccessStatusCode();
        using var json = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancellationToken));
        var written = json.RootElement.GetProperty("written").GetInt32();
        if (written != readings)
        {
            throw new InvalidOperationException($"{written} of {readings} readings were written");
        }
    }

    public void Dispose() => _client.Dispose();

    /// <summary>A fast empty answer is none.</summary>
    private async Task RequireRowsAsync(SensorQuery query, string sensor, CancellationToken cancellationToken)
    {
        using var json = JsonDocument.Parse(await GetAsync(query, sensor, cancellationToken));
        var answer = json.RootElement;
        var rows = answer.TryGetProperty("data_points", out var points) || answer.TryGetProperty("count", out points)
            ? points.GetInt32()
            : 1;
        if (rows < query.Least)
        {
            throw new InvalidOperationException($"{query.Name}: {rows} rows for {sensor}, at least {query.Least} expected");
        }
    }
}
