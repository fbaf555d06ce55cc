using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Tidemark.Server.Admin;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Remote;

/// <summary>Talks to a Tidemark server and turns every failure into a <see cref="StoreException"/>.</summary>
internal sealed class RemoteServer(HttpClient client) : IDisposable
{
    /// <summary>For people, without user name and password.</summary>
    public string Address { get; } = client.BaseAddress!.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped);

    public Task<T> GetAsync<T>(string path, CancellationToken cancellationToken)
        => ReadAsync<T>(new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);

    public Task<T> PostAsync<T>(string path, HttpContent content, CancellationToken cancellationToken)
        => ReadAsync<T>(new HttpRequestMessage(HttpMethod.Post, path) { Content = content }, cancellationToken);

    /// <summary>Sends what is answered without a body.</summary>
    public async Task SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(new HttpRequestMessage(method, path) { Content = content }, cancellationToken);
    }

    /// <summary>Opens an answer of lines; they are read as they arrive.</summary>
    public Task<RemoteLines> OpenAsync(string path, CancellationToken cancellationToken)
        => OpenAsync(new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);

    /// <summary>Runs a long operation, reports its progress and gives its result.</summary>
    public async Task<TResult> RunAsync<TRequest, TResult>(
        string path,
        TRequest request,
        IProgress<StoreProgress>? progress,
        CancellationToken cancellationToken)
        where TResult : class
    {
        var message = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(request, options: WireJson.Options) };
        await using var lines = await OpenAsync(message, cancellationToken);
        while (true)
        {
            var line = await lines.TakeAsync(
                l => JsonSerializer.Deserialize<OperationLine<TResult>>(l, WireJson.Options)!,
                cancellationToken);
            if (line.Result is { } result)
            {
                return result;
            }

            if (line.Error is { } error)
            {
                throw new StoreException(error.Kind, error.Message);
            }

            if (line.Progress is { } step)
            {
                progress?.Report(step);
            }
        }
    }

    public void Dispose() => client.Dispose();

    private async Task<T> ReadAsync<T>(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(request, cancellationToken);
        try
        {
            return (await response.Content.ReadFromJsonAsync<T>(WireJson.Options, cancellationToken))!;
        }
        catch (Exception e) when (Translate(e) is { } translated)
        {
            throw translated;
        }
    }

    private async Task<RemoteLines> OpenAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await SendAsync(request, cancellationToken);
        return new RemoteLines(this, response, await response.Content.ReadAsStreamAsync(cancellationToken));
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            using (request)
            {
                var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
                if (response.IsSuccessStatusCode)
                {
                    return response;
                }

                using (response)
                {
                    throw await ReadProblemAsync(response, cancellationToken);
                }
            }
        }
        catch (Exception e) when (Translate(e) is { } translated)
        {
            throw translated;
        }
    }

    private async Task<StoreException> ReadProblemAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentType?.MediaType != Problem.ContentType)
        {
            return NotTidemark(null);
        }

        var problem = await response.Content.ReadFromJsonAsync<Problem>(WireJson.Options, cancellationToken);
        var kind = problem!.Kind ?? (response.StatusCode < HttpStatusCode.InternalServerError
            ? StoreErrorKind.Invalid
            : StoreErrorKind.Unavailable);
        return new StoreException(kind, problem.Error);
    }

    /// <returns>Null for what is not the connection's or the server's fault, cancellation above all.</returns>
    public StoreException? Translate(Exception error) => error switch
    {
        HttpRequestException { InnerException: SocketException { SocketErrorCode: SocketError.ConnectionRefused } }
            => new StoreException(StoreErrorKind.Unavailable, $"no server answers at {Address}; start one with: tidemark serve", error),
        HttpRequestException or IOException
            => new StoreException(
                StoreErrorKind.Unavailable,
                $"the connection to {Address} failed: {error.Message.ReplaceLineEndings(" ")}",
                error),
        TaskCanceledException { InnerException: TimeoutException }
            => new StoreException(StoreErrorKind.Unavailable, $"the server at {Address} did not answer in time", error),
        JsonException or NotSupportedException => NotTidemark(error),
        _ => null,
    };

    private StoreException NotTidemark(Exception? error)
        => new(StoreErrorKind.NotAStore, $"what answers at {Address} is not a Tidemark server", error);
}
