using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using Tidemark.Configuration;
using Tidemark.DuckDb;
using Tidemark.Generation;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>
/// A year of ten sensors, with late readings, repeated ones and gaps, on both engines: every endpoint answers the same, member by member,
/// before the last refresh and after it. One reading a minute on a server, one in half an hour in WebAssembly.
/// </summary>
public sealed class EnginesAgreeTests
{
    // What tells of the time a question took, of the engine or of the moment.
    private static readonly HashSet<string> Own = ["query_time_ms", "time_ms", "speedup", "improvement_percent", "timestamp"];

    private static readonly DateTimeOffset Now = new(2026, 11, 22, 10, 30, 0, TimeSpan.Zero);

    [Fact]
    public async Task A_year_of_readings_is_answered_alike_by_both_engines()
    {
        TestLength.SkipUnlessShare();
        await using var database = await TimescaleDatabase.CreateAsync();
        var folder = Directory.CreateTempSubdirectory("tidemark-test-").FullName;
        var clock = new FakeTimeProvider(Now);
        var schema = OptionsLoader.Load(null, []).Schema;
        try
        {
            await using var embedded = await ServedStore.StartAsync(
                await DuckDbStore.OpenAsync(
                    new DuckDbOptions { Folder = folder, Schema = schema, Clock = clock },
                    CancellationToken.None), clock);
            await using var served = await ServedStore.StartAsync(
                await TimescaleStore.OpenAsync(
                    new TimescaleOptions
                    {
                        Connection = database.ConnectionString,
                        Schema = schema,
                        Clock = clock,
                        Maintenance = MaintenanceOwner.External,
                        Copy = database.IsReal
                    }, CancellationToken.None),
                clock);
            ITelemetryStore[] stores = [embedded.Store, served.Store];
            var readings = await FillAsync(stores, schema, database.IsReal ? TimeSpan.FromMinutes(1) : TimeSpan.FromMinutes(30));
            await CompareAsync(embedded, served);
            foreach (var store in stores)
            {
                await RefreshAsync(store);
            }

            var answers = await CompareAsync(embedded, served);
            TestContext.Current.TestOutputHelper?.WriteLine($"{readings:N0} readings, {answers} answers compared");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Nine tenths are refreshed and compressed; the rest comes late to it or beyond it.</summary>
    private static async Task<long> FillAsync(ITelemetryStore[] stores, TelemetrySchema schema, TimeSpan interval)
    {
        var generator = new Generator(
            schema,
            new GeneratorPlan { Sensors = 10, Interval = interval, Seed = 7, Late = 0.01, Duplicates = 0.01, Gaps = 0.02 });
        var (from, to) = (Instant.From(Now.AddDays(-365)), Instant.From(Now));
        var batches = generator.Readings(from, to, 50_000).Select(Copy).ToList();
        var early = batches.Count * 9 / 10;
        foreach (var store in stores)
        {
            foreach (var (batch, i) in batches.Select((batch, i) => (batch, i)))
            {
                if (i == early)
                {
                    await RefreshAsync(store);
                    await store.CompressAsync(null, CancellationToken.None);
                }

                await store.WriteAsync(batch, CancellationToken.None);
            }
        }

        return batches.Sum(b => (long)b.Count);
    }

    private static ReadingBatch Copy(ReadingBatch batch)
    {
        var copy = new ReadingBatch(batch.Metrics, batch.Count);
        for (var row = 0; row < batch.Count; row++)
        {
            copy.Add(batch[row]);
        }

        return copy;
    }

    private static async Task RefreshAsync(ITelemetryStore store)
    {
        foreach (var aggregate in store.Schema.Aggregates)
        {
            await store.RefreshAsync(aggregate.Name, null, null, CancellationToken.None);
        }
    }

    private static async Task<int> CompareAsync(ServedStore expected, ServedStore actual)
    {
        string[] ofSensor =
        [
            "current", "raw", "raw?period=1w", "raw?from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z", "hourly", "hourly?period=1y",
            "hourly?from=2026-02-28T23:00:00Z&to=2026-03-01T02:00:00Z",
            "daily", "daily?period=1y", "monthly", "monthly?period=2y", "weekly", "raw?period=0d",
            "hourly?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
        ];
        string[] paths =
        [
            "/", "/api/health", "/api/sensors", "/api/sensors/current", "/api/stats/performance?sensor_id=sensor_003",
            "/api/sensors/nobody/hourly",
            "/api/fleet/hourly?metric=temperature&period=30d", "/api/fleet/daily?metric=humidity&period=1y",
            "/api/fleet/daily?metric=pressure&period=1y&source=raw",
            .. from sensor in Enumerable.Range(1, 10) from path in ofSensor select $"/api/sensors/sensor_{sensor:000}/{path}",
        ];
        foreach (var path in paths)
        {
            var (a, b) = (await expected.GetAsync(path), await actual.GetAsync(path));
            Assert.Equal(a.Status, b.Status);
            Assert.Null(Difference(path, a.Body, b.Body));
        }

        var (status, other) = ((await expected.GetAsync("/api/status")).Body, (await actual.GetAsync("/api/status")).Body);
        Assert.Equal(status["sensors"]!.ToJsonString(), other["sensors"]!.ToJsonString());
        Assert.Equal(status["hypertables"]![0]!["rows"]!.ToJsonString(), other["hypertables"]![0]!["rows"]!.ToJsonString());
        Assert.Null(Difference("/api/status aggregates", status["aggregates"], other["aggregates"]));
        return paths.Length + 1;
    }

    /// <summary>Where two answers differ; sums and what is made of them are compared within 1e-9.</summary>
    private static string? Difference(string path, JsonNode? a, JsonNode? b)
    {
        if (a is JsonObject x && b is JsonObject y)
        {
            return x.Select(m => m.Key).SequenceEqual(y.Select(m => m.Key))
                ? x.Where(m => !Own.Contains(m.Key)).Select(m => Difference($"{path} {m.Key}", m.Value, y[m.Key]))
                    .FirstOrDefault(d => d is not null)
                : $"{path}: {a.ToJsonString()} but {b.ToJsonString()}";
        }

        if (a is JsonArray p && b is JsonArray q && p.Count == q.Count)
        {
            return p.Select((item, i) => Difference($"{path}[{i}]", item, q[i])).FirstOrDefault(d => d is not null);
        }

        var (m, n) = (a?.ToJsonString() ?? "null", b?.ToJsonString() ?? "null");
        return m == n || IsClose(m, n) ? null : $"{path}: {m} but {n}";
    }

    private static bool IsClose(string a, string b)
        => double.TryParse(a, System.Globalization.CultureInfo.InvariantCulture, out var x)
            && double.TryParse(b, System.Globalization.CultureInfo.InvariantCulture, out var y)
            && Math.Abs(x - y) <= 1e-9 * Math.Max(1, Math.Abs(x));
}
