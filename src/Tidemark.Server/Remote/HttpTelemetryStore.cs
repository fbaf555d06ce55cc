using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Tidemark.Server.Admin;
using Tidemark.Server.Metrics;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Remote;

/// <summary>The store that a running Tidemark server holds, used over HTTP.</summary>
public sealed partial class HttpTelemetryStore : ITelemetryStore
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    private readonly RemoteServer _server;

    private HttpTelemetryStore(RemoteServer server, StoreDescription description)
        => (_server, Schema, Settings) = (server, description.ToSchema(), description.Settings?.GetRawText());

    /// <summary>The metrics are those of the last time that this program asked for them, or wrote others.</summary>
    public TelemetrySchema Schema { get; private set; }

    /// <summary>Those that the server has its store open with; null from a server of an earlier version.</summary>
    public string? Settings { get; }

    /// <summary>Connects and takes over the server's telemetry schema.</summary>
    /// <param name="baseAddress">Such as <c>http://127.0.0.1:5000</c>.</param>
    /// <param name="key">For a server that asks for one.</param>
    /// <param name="cancellationToken">Gives the connecting up.</param>
    /// <exception cref="StoreException">
    /// <see cref="StoreErrorKind.Unavailable"/> when nobody answers, <see cref="StoreErrorKind.NotAStore"/> when it isn't a Tidemark
    /// server.
    /// </exception>
    public static async Task<HttpTelemetryStore> ConnectAsync(Uri baseAddress, string? key, CancellationToken cancellationToken)
    {
        // Operations take as long as they take, and each has a token of its own.
        var client = new HttpClient(
            new SocketsHttpHandler { ConnectTimeout = ConnectTimeout, UseProxy = false, AutomaticDecompression = Compression(baseAddress) })
        {
            BaseAddress = new Uri($"{baseAddress.AbsoluteUri.TrimEnd('/')}/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
        client.DefaultRequestHeaders.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        try
        {
            var server = new RemoteServer(client);
            var description = await server.GetAsync<StoreDescription>("api/admin/configuration", cancellationToken);
            return description.Protocol == StoreDescription.CurrentProtocol
                ? new HttpTelemetryStore(server, description)
                : throw new StoreException(
                    StoreErrorKind.NotAStore,
                    $"the server at {server.Address} speaks protocol {description.Protocol}, this program "
                        + $"{StoreDescription.CurrentProtocol}: use the same version on both sides");
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>On this machine it would cost more time than it saves.</summary>
    private static DecompressionMethods Compression(Uri server) => server.IsLoopback ? DecompressionMethods.None : DecompressionMethods.All;

    /// <summary>Asks the server to create or upgrade what its own configuration says.</summary>
    public Task InitializeAsync(CancellationToken cancellationToken)
        => _server.PostAsync<StoreDescription>("api/admin/initialize", JsonContent.Create(new { }), cancellationToken);

    public async Task<WriteResult> WriteAsync(ReadingBatch batch, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>(64 * Math.Max(1, batch.Count));
        using var json = new Utf8JsonWriter(buffer, WireJson.Fast);
        RowLines.WriteHead(json, batch);
        EndLine();
        for (var row = 0; row < batch.Count; row++)
        {
            RowLines.Write(json, batch, row);
            EndLine();
        }

        var content = new ReadOnlyMemoryContent(buffer.WrittenMemory);
        content.Headers.ContentType = new MediaTypeHeaderValue(Ndjson.ContentType);
        var result = await _server.PostAsync<WriteResult>(
            $"api/admin/readings?merge={(batch.Mode is WriteMode.Merge ? "true" : "false")}"
                + (batch.ImportId is { } id ? $"&import_id={Uri.EscapeDataString(id)}" : ""),
            content,
            cancellationToken);
        if (batch.Metrics.Any(name => Schema.MetricIndex(name) < 0))
        {
            await LoadMetricsAsync(cancellationToken);
        }

        return result;

        void EndLine()
        {
            json.Flush();
            json.Reset();
            buffer.Write("\n"u8);
        }
    }

    public async Task<IReadOnlyList<MetricInfo>> ListMetricsAsync(CancellationToken cancellationToken)
    {
        var answer = await _server.GetAsync<MetricsAnswer>("api/metrics", cancellationToken);
        await LoadMetricsAsync(cancellationToken);
        return [.. answer.Metrics.Select(m => new MetricInfo(
            Schema.MetricIndex(m.Name) is var place and >= 0 ? Schema.Metrics[place] : Metric.Found(m.Name),
            m.FirstSeen,
            m.Sensors))];
    }

    public async Task AddMetricsAsync(IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        await _server.SendAsync(
            HttpMethod.Post,
            "api/admin/metrics",
            JsonContent.Create(new MetricsRequest(names), options: WireJson.Options),
            cancellationToken);
        await LoadMetricsAsync(cancellationToken);
    }

    public async Task RemoveMetricAsync(string name, CancellationToken cancellationToken)
    {
        await _server.SendAsync(
            HttpMethod.Delete,
            $"api/admin/metrics/{Uri.EscapeDataString(name)}",
            null,
            cancellationToken);
        await LoadMetricsAsync(cancellationToken);
    }

    private async Task LoadMetricsAsync(CancellationToken cancellationToken)
    {
        var description = await _server.GetAsync<StoreDescription>("api/admin/configuration", cancellationToken);
        Schema = Schema.With(description.Metrics);
    }

    public async Task<Instant?> ReadRawHorizonAsync(CancellationToken cancellationToken)
        => (await _server.GetAsync<Horizon>("api/admin/horizon", cancellationToken)).RawHorizon;

    public async Task<IReadOnlyList<StoredDocument>> ReadDocumentsAsync(
        string prefix, string after, int limit, CancellationToken cancellationToken) => await _server.GetAsync<List<StoredDocument>>(
        string.Create(
            CultureInfo.InvariantCulture,
            $"api/admin/documents?prefix={Uri.EscapeDataString(prefix)}&after={Uri.EscapeDataString(after)}&limit={limit}"),
        cancellationToken);

    public async Task<bool> WriteDocumentsAsync(
        IReadOnlyList<StoredDocument> documents, StoredDocument? expected, CancellationToken cancellationToken)
    {
        var answer = await _server.PostAsync<DocumentsAnswer>(
            "api/admin/documents",
            JsonContent.Create(new DocumentsRequest(documents, expected), options: WireJson.Options),
            cancellationToken);
        return answer.Written;
    }

    public Task<StoreStatus> ReadStatusAsync(CancellationToken cancellationToken)
        => _server.GetAsync<StoreStatus>("api/status", cancellationToken);

    public async Task<IReadOnlyList<JobStatus>> ReadJobsAsync(CancellationToken cancellationToken)
        => await _server.GetAsync<List<JobStatus>>("api/admin/jobs", cancellationToken);

    public async Task<IReadOnlyList<RefreshPlan>> PlanRefreshAsync(string aggregate, TimeRange? range, CancellationToken cancellationToken)
        => await _server.PostAsync<List<RefreshPlan>>(
            "api/admin/plan",
            JsonContent.Create(new RefreshRequest(aggregate, range), options: WireJson.Options),
            cancellationToken);

    public async Task<IReadOnlyList<RefreshResult>> RefreshAsync(
        string aggregate,
        TimeRange? range,
        IProgress<StoreProgress>? progress,
        CancellationToken cancellationToken)
        => await _server.RunAsync<RefreshRequest, List<RefreshResult>>(
            "api/admin/refresh",
            new RefreshRequest(aggregate, range),
            progress,
            cancellationToken);

    public Task<CompressResult> CompressAsync(IProgress<StoreProgress>? progress, CancellationToken cancellationToken)
        => _server.RunAsync<object, CompressResult>("api/admin/compress", new { }, progress, cancellationToken);

    public Task<RetainResult> RetainAsync(CancellationToken cancellationToken)
        => _server.RunAsync<object, RetainResult>("api/admin/retain", new { }, null, cancellationToken);

    public Task<VerifyReport> VerifyAsync(string? aggregate, IProgress<StoreProgress>? progress, CancellationToken cancellationToken)
        => _server.RunAsync<VerifyRequest, VerifyReport>("api/admin/verify", new VerifyRequest(aggregate), progress, cancellationToken);

    public ValueTask DisposeAsync()
    {
        _server.Dispose();
        return ValueTask.CompletedTask;
    }
}
