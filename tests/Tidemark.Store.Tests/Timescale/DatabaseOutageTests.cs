using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using Npgsql;
using Tidemark.Configuration;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>
/// A database that goes away under load: what was acknowledged is there afterwards, everything else got 503, and the API recovers by
/// itself.
/// </summary>
public sealed class DatabaseOutageTests
{
    private const int Writers = 4;
    private const int ReadingsPerWrite = 50;
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(10);
    private static readonly Instant First = Instant.Utc(2026, 11, 1);

    private readonly ConcurrentBag<(string Sensor, Instant Time, double Value)> _acknowledged = [];
    private readonly ConcurrentBag<string> _unexpected = [];
    private int _refused;

    [Fact]
    public async Task A_database_killed_under_load_loses_nothing_acknowledged()
    {
        TestLength.SkipUnlessShare();
        WasmPool.SkipIfUnavailable();
        var folder = Directory.CreateTempSubdirectory("tidemark-test-").FullName;
        var data = Path.Combine(folder, "data");
        var database = await WasmTimescale.StartAsync(data);
        try
        {
            await RunAsync(database.ConnectionString, copy: false, database.KillAsync, async () =>
            {
                var port = database.Port;
                await database.DisposeAsync();
                database = await WasmTimescale.StartAsync(data, port);
            });
        }
        finally
        {
            await database.DisposeAsync();
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_server_that_parts_with_its_clients_under_load_loses_nothing_acknowledged()
    {
        TimescaleDatabase.SkipWithoutServer();
        await using var database = await TimescaleDatabase.CreateAsync();
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var name = settings.Database!;
        settings.Database = "postgres";
        await using var server = NpgsqlDataSource.Create(settings.ConnectionString);
        async Task ExecuteAsync(string sql)
        {
            await using var command = server.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }

        await RunAsync(
            database.ConnectionString,
            copy: true,
            async () =>
            {
                await ExecuteAsync($"ALTER DATABASE {name} ALLOW_CONNECTIONS false");
                await ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
            },
            () => ExecuteAsync($"ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    }

    private async Task RunAsync(string connection, bool copy, Func<Task> takeDown, Func<Task> bringUp)
    {
        await using var served = await ServedStore.StartAsync(
            await TimescaleStore.OpenAsync(
                new TimescaleOptions
                {
                    Connection = connection,
                    Schema = OptionsLoader.Load(null, []).Schema,
                    Maintenance = MaintenanceOwner.External,
                    Copy = copy
                }, CancellationToken.None),
            TimeProvider.System);
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, Writers).Select(w => Task.Run(() => WriteAsync(served.Client, $"writer-{w}", stop.Token)))
            .ToArray();
        var reader = Task.Run(() => ReadAsync(served.Client, stop.Token));
        await UntilAsync(() => _acknowledged.Count >= 20 * ReadingsPerWrite, "no load");

        await takeDown();
        await UntilAsync(() => Volatile.Read(ref _refused) >= Writers, "nobody was refused");
        using (var health = await served.Client.GetAsync("/api/health"))
        {
            Assert.Equal((HttpStatusCode.ServiceUnavailable, true), (health.StatusCode, health.Headers.RetryAfter is not null));
        }

        await bringUp();
        var watch = Stopwatch.StartNew();
        var before = _acknowledged.Count;
        await UntilAsync(() => _acknowledged.Count >= before + (20 * ReadingsPerWrite), "no recovery");
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, Recovery);
        Assert.Equal(200, (await served.GetAsync("/api/health")).Status);

        await stop.CancelAsync();
        await Task.WhenAll([.. writers, reader]);
        Assert.Empty(_unexpected);
        await AllAreThereAsync(served.Store);
        TestContext.Current.TestOutputHelper?
            .WriteLine($"{_acknowledged.Count:N0} acknowledged readings checked, {_refused} requests refused with 503");
    }

    private async Task WriteAsync(HttpClient client, string sensor, CancellationToken stop)
    {
        for (var request = 0; !stop.IsCancellationRequested; request++)
        {
            var readings = Enumerable.Range(request * ReadingsPerWrite, ReadingsPerWrite)
                .Select(i => (Sensor: sensor, Time: First + TimeSpan.FromSeconds(i), Value: i % 50.0))
                .ToList();
            var body = string.Join(
                '\n',
                readings.Select(r => $$"""{"sensor_id":"{{r.Sensor}}","time":"{{r.Time}}","temperature":{{r.Value}}}"""));
            using var content = new StringContent(body, Encoding.UTF8, "application/x-ndjson");
            using var answer = await client.PostAsync("/api/readings", content, CancellationToken.None);
            if (answer.IsSuccessStatusCode)
            {
                foreach (var reading in readings)
                {
                    _acknowledged.Add(reading);
                }
            }
            else
            {
                await RefusedAsync("write", answer);
            }
        }
    }

    private async Task ReadAsync(HttpClient client, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            string[] paths = ["/api/sensors/writer-0/hourly?from=2026-11-01T00:00:00Z", "/api/sensors/writer-0/current", "/api/sensors"];
            foreach (var path in paths)
            {
                using var answer = await client.GetAsync(path, CancellationToken.None);
                if (answer.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.NotFound))
                {
                    await RefusedAsync(path, answer);
                }
            }
        }
    }

    private async Task RefusedAsync(string what, HttpResponseMessage answer)
    {
        if (answer.StatusCode == HttpStatusCode.ServiceUnavailable && answer.Headers.RetryAfter is not null)
        {
            Interlocked.Increment(ref _refused);
            await Task.Delay(50);
        }
        else
        {
            _unexpected.Add($"{what}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        }
    }

    private async Task AllAreThereAsync(ITelemetryStore store)
    {
        var stored = new Dictionary<(string, Instant), double>();
        await foreach (var batch in store.ReadRawAsync(new RawQuery(null, TimeRange.All), CancellationToken.None))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                stored.Add((batch[row].SensorId, batch[row].Time), batch[row].Values[0]);
            }
        }

        Assert.All(_acknowledged, reading => Assert.Equal(reading.Value, stored[(reading.Sensor, reading.Time)]));
    }

    // Long after anything slow: it only ends what hangs.
    private static async Task UntilAsync(Func<bool> condition, string otherwise)
    {
        for (var watch = Stopwatch.StartNew(); !condition(); await Task.Delay(20))
        {
            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(2), otherwise);
        }
    }
}
