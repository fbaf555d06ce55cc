using System.Globalization;
using System.Text.Json;

namespace Tidemark.App.Tests.Http;

/// <summary>How answers write numbers and times.</summary>
public sealed class NumberTests
{
    private static readonly double[] Special =
    [
        0, -0.0, 0.1, -0.1, 21.5, 100, 1013.25, 0.0001, 0.00001, 0.00123, 1.005, 4503599627370496.5, 999999999999.99, 9999999999999.99,
        1e15, 999999999999999, 1e16, 1e22, -1e-7, double.Epsilon, double.MaxValue, double.MinValue, 0.30000000000000004, 2.675, 1e11 + 0.01,
    ];

    [Fact]
    public async Task Numbers_are_the_shortest_text_that_reads_back_and_times_keep_their_microseconds()
    {
        await using var server = await RunningServer.StartAsync();
        var random = new Random(4);
        double[] values =
        [
            .. Special,
            .. Enumerable.Range(0, 1000).Select(_ => Math.Round((random.NextDouble() - 0.5) * 1e4, random.Next(6))),
            .. Enumerable.Range(0, 1000).Select(_ => (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-12, 18))),
        ];
        var begin = Instant.Utc(2026, 11, 22);
        var batch = new ReadingBatch(["temperature", "other"]);
        var times = values.Select((_, i) => new Instant(begin.Micros + (i * 1_000_000L) + (i % 3 == 0 ? i : 0))).ToList();
        foreach (var (i, value) in values.Index())
        {
            batch.Add("a", times[i], [value, i % 2 == 0 ? double.NaN : 1]);
        }

        await server.Store.WriteAsync(batch, CancellationToken.None);
        using var json = JsonDocument.Parse(await server.Client.GetStringAsync($"/api/sensors/a/raw?from={begin}&to=2026-11-23T00:00:00Z"));
        var rows = json.RootElement.GetProperty("data").EnumerateArray().ToList();
        Assert.Equal(values.Length, rows.Count);
        foreach (var (i, value) in values.Index())
        {
            Assert.Equal(value.ToString("R", CultureInfo.InvariantCulture), rows[i].GetProperty("temperature").GetRawText());
            Assert.Equal(i % 2 == 0 ? "null" : "1", rows[i].GetProperty("other").GetRawText());
            Assert.Equal(times[i].ToString(), rows[i].GetProperty("time").GetString());
        }
    }
}
