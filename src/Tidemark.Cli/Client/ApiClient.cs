using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Tidemark.Cli.Client;

/// <param name="Path">What was asked for.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Elapsed">From asking to the last byte.</param>
/// <param name="Body">The JSON answered.</param>
internal sealed record ApiAnswer(string Path, int Status, TimeSpan Elapsed, JsonElement Body)
{
    public bool IsSuccess => Status is >= 200 and < 300;

    /// <summary>Why the server refused; null when it didn't.</summary>
    public string? Error => IsSuccess ? null : Text("error") ?? $"status {Status}";

    /// <summary>The rows answered; null where an answer has none.</summary>
    public long? DataPoints
        => Body.TryGetProperty("data_points", out var points) || Body.TryGetProperty("count", out points) ? points.GetInt64() : null;

    /// <summary>From when on there are raw readings, where retention has dropped some of what was asked for.</summary>
    public Instant? DataFrom => Text("data_from") is { } text && Instant.TryParse(text, out var from) ? from : null;

    private string? Text(string member)
        => Body.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>Asks a Tidemark server and takes the time.</summary>
internal sealed class ApiClient : IDisposable
{
    private readonly HttpClient _http;

    /// <param name="host">A name or an address.</param>
    /// <param name="port">443 for TLS.</param>
    /// <param name="key">For a server that asks for one.</param>
    public ApiClient(string host, int port, string? key)
    {
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown)
        {
            throw new UsageException($"--host '{host}' is not a host name or address, such as 127.0.0.1");
        }

        _http = new HttpClient(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.All })
        {
            BaseAddress = new UriBuilder(port == 443 ? "https" : "http", host, port).Uri,
            Timeout = TimeSpan.FromMinutes(5),
        };
        _http.DefaultRequestHeaders.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
    }

    /// <summary>The server, as in <c>http://127.0.0.1:5000</c>.</summary>
    public string Server => _http.BaseAddress!.GetLeftPart(UriPartial.Authority);

    /// <exception cref="CommandFailedException">Nothing answers there, or something else than Tidemark.</exception>
    public async Task<ApiAnswer> GetAsync(string path, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            using var response = await _http.GetAsync(path, cancellationToken);
            var bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            var elapsed = Stopwatch.GetElapsedTime(started);
            var body = JsonDocument.Parse(bytes).RootElement;
            return body.ValueKind == JsonValueKind.Object
                ? new ApiAnswer(path, (int)response.StatusCode, elapsed, body)
                : throw NotTidemark();
        }
        catch (HttpRequestException)
        {
            throw new CommandFailedException(
                $"no server answers at {Server}: start one with tidemark serve, or say where it is with --host and --port");
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandFailedException(
                string.Create(CultureInfo.InvariantCulture, $"{Server}{path} gave no answer in {_http.Timeout.TotalMinutes:0} minutes"));
        }
        catch (JsonException)
        {
            throw NotTidemark();
        }
    }

    public void Dispose() => _http.Dispose();

    private CommandFailedException NotTidemark()
        => new($"what answers at {Server} is not a Tidemark server: say where one is with --host and --port");
}
