using System.Text;
using Tidemark.Configuration;
using Tidemark.DuckDb;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Cli;

/// <summary>What is exported imports to the same store, bit by bit.</summary>
public sealed class RoundTripTests : IDisposable
{
    private static readonly TelemetrySchema Schema = OptionsLoader.Load(
        new Microsoft.Extensions.Configuration.ConfigurationBuilder().Build()).Schema;

    private static readonly string[] Metrics = [.. Schema.MetricNames, "power", "m_5v"];

    private static readonly double[] Extremes =
    [
        0, -0.0, double.Epsilon, -double.Epsilon, 2.2250738585072009e-308, double.MaxValue, double.MinValue, 0.1, 1.0 / 3, 1e23,
    ];

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("csv"), InlineData("ndjson"), InlineData("parquet"), InlineData("lp")]
    public async Task Random_readings_come_back_as_they_were(string extension)
    {
        var isLines = extension == "lp";
        var written = Make(TestLength.Of(1_000, 10_000, 10_000), new Random(17), isLines);
        await using (var store = await OpenAsync(_folder.Data))
        {
            await store.WriteAsync(written, CancellationToken.None);
        }

        var file = $"out.{extension}";
        await _folder.SucceedAsync("export", "raw", "--output", file);
        var again = Path.Combine(_folder.Path, "again");
        _folder.Write("tidemark.json", """{ "oldest_time": "0001-01-01T00:00:00Z" }""");
        var output = await _folder.SucceedAsync("import", file, "--store", $"duckdb:{again}", "--config", "tidemark.json");
        Assert.Contains($" {written.Count:N0} written, 0 replaced, 0 unchanged, 0 refused", output, StringComparison.Ordinal);
        Assert.Equal(await ReadAsync(_folder.Data), await ReadAsync(again));
        Assert.Contains(
            $" 0 written, 0 replaced, {written.Count:N0} unchanged, 0 refused",
            await _folder.SucceedAsync("import", file, "--store", $"duckdb:{again}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_line_protocol_does_not_have_is_refused_or_told()
    {
        await using (var store = await OpenAsync(_folder.Data))
        {
            var batch = new ReadingBatch(["temperature"]);
            batch.Add("a", Instant.Utc(2026, 1, 1), [double.NaN]);
            batch.Add("a", Instant.Utc(2026, 1, 2), [1]);
            batch.Add("old", Instant.Utc(1600, 1, 2), [1]);
            batch.Add("back\\", Instant.Utc(2026, 1, 2), [1]);
            await store.WriteAsync(batch, CancellationToken.None);
        }

        var some = await _folder.RunAsync("export", "raw", "--format", "line-protocol", "--sensor", "a");
        Assert.Equal("sensor_data,sensor_id=a temperature=1 1767312000000000000\n", some.Output);
        Assert.Equal("1 reading without any value left out: line protocol has none\n", some.Error);
        Assert.StartsWith(
            "tidemark: the time 1600-01-02T00:00:00Z of sensor 'old' is before 1677 or after 2262",
            (await _folder.RunAsync("export", "raw", "--format", "line-protocol", "--sensor", "old")).Error, StringComparison.Ordinal);
        Assert.StartsWith(
            "tidemark: the sensor id 'back\\' ends with a backslash",
            (await _folder.RunAsync("export", "raw", "--format", "line-protocol", "--sensor", "back\\")).Error, StringComparison.Ordinal);
    }

    private static async Task<ITelemetryStore> OpenAsync(string folder)
    {
        var store = await DuckDbStore.OpenAsync(new DuckDbOptions { Folder = folder, Schema = Schema }, CancellationToken.None);
        await store.InitializeAsync(CancellationToken.None);
        return store;
    }

    private static async Task<List<string>> ReadAsync(string folder)
    {
        await using var store = await OpenAsync(folder);
        var rows = new List<string>();
        await foreach (var batch in store.ReadRawAsync(
            new RawQuery(null, new TimeRange(Instant.MinValue, Instant.MaxValue)) { Metrics = Metrics }, CancellationToken.None))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                var bits = batch[row].Values.Select(v => double.IsNaN(v) ? "-" : $"{BitConverter.DoubleToInt64Bits(v):x}");
                rows.Add($"{batch.TimesMicros[row]} {batch.SensorIds[row]} {string.Join(' ', bits)}");
            }
        }

        rows.Sort(StringComparer.Ordinal);
        return rows;
    }

    /// <param name="count">Of readings, each of an instant of its own.</param>
    /// <param name="random">Draws everything.</param>
    /// <param name="isLines">Whether only what line protocol has is drawn.</param>
    private static ReadingBatch Make(int count, Random random, bool isLines)
    {
        string[] special =
        [
            " led", "trailed ", "\u00A0fixed\u2003", "#1", "\"", "''", "a,b", "a\\,b", "NaN", "null", "=1+1", "\uFEFFx", "{}", "é", "1e5",
        ];
        var ids = Enumerable.Range(0, 300).Select(_ => Id(random))
            .Where(id => SensorId.Check(id) is null && !(isLines && id.EndsWith('\\'))).Concat(special).ToList();
        var batch = new ReadingBatch(Metrics);
        var (first, last) = isLines
            ? (Instant.Utc(1678, 1, 1), Instant.From(TimeProvider.System.GetUtcNow()))
            : (Instant.MinValue, Instant.From(TimeProvider.System.GetUtcNow()));
        for (var row = 0; row < count; row++)
        {
            var values = Metrics.Select(_ => random.Next(4) == 0 ? double.NaN : Value(random)).ToArray();
            values[0] = isLines && Array.TrueForAll(values, double.IsNaN) ? 1 : values[0];
            batch.Add(ids[random.Next(ids.Count)], new Instant(random.NextInt64(first.Micros, last.Micros)), values);
        }

        return batch;
    }

    private static double Value(Random random)
    {
        var value = random.Next(3) == 0
            ? Extremes[random.Next(Extremes.Length)]
            : BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue));
        return double.IsFinite(value) ? value : 1;
    }

    private static string Id(Random random)
    {
        var id = new StringBuilder();
        for (var length = random.Next(1, SensorId.MaxLength + 1); length > 0; length--)
        {
            var rune = random.Next(3) == 0 ? random.Next(0x21, 0x7F) : random.Next(0x20, 0x11_0000);
            id.Append(Rune.IsValid(rune) ? new Rune(rune).ToString() : "\\");
        }

        return id.ToString();
    }
}
