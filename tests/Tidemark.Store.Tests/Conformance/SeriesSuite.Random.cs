using System.Globalization;
using Tidemark.Series;

namespace Tidemark.Store.Tests.Conformance;

public abstract partial class SeriesSuite
{
    private static readonly string[] Widths = ["hourly", "daily", "7m", "15m", "90m", "1h", "6h", "5h", "1d", "3d", "1w", "1mo"];

    private static readonly string[] Zones
        = ["UTC", "UTC", "UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana"];

    /// <summary>Readings with gaps, nulls and resets, late ones, and retention in the middle of them.</summary>
    [Fact]
    public async Task Random_questions_are_answered_as_all_readings_say()
    {
        var first = int.Parse(Environment.GetEnvironmentVariable("TIDEMARK_TEST_SEED") ?? "1", CultureInfo.InvariantCulture);
        for (var seed = first; seed < first + TestLength.Of(1, 3, 30); seed++)
        {
            try
            {
                await AskAtRandomAsync(seed);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new InvalidOperationException($"seed {seed} fails (TIDEMARK_TEST_SEED={seed} runs it first): {e.Message}", e);
            }
        }
    }

    private async Task AskAtRandomAsync(int seed)
    {
        var random = new Random(seed);
        T Pick<T>(params ReadOnlySpan<T> choices) => choices[random.Next(choices.Length)];

        // Clocks change in Berlin on 29 March, on Lord Howe on 5 April, in St John's and Havana on 8 March.
        var now = Pick(At("2026-03-10T12:00Z"), At("2026-03-30T03:20Z"), At("2026-04-06T09:00Z"), At("2026-10-26T00:30Z"))
            + TimeSpan.FromDays(seed * 400);
        Clock.AdjustTime(now.ToDateTimeOffset());
        await OpenAsync(Settings with { Retention = Pick<TimeSpan?>(null, TimeSpan.FromDays(3)) });
        var written = new SortedDictionary<(string, Instant), Reading>();
        async Task Write(int count, int days)
        {
            var readings = Enumerable.Range(0, count).Select(_ => new Reading(
                now - TimeSpan.FromMinutes(random.Next(0, days * 24 * 60)),
                Pick($"s{seed}a", $"s{seed}b"),
                [
                    random.Next(5) == 0 ? double.NaN : random.Next(0, 1000) / 4.0,
                    random.Next(3) == 0 ? double.NaN : random.Next(-5, 5),
                ])).ToList();
            await WriteAsync(readings);
            readings.ForEach(r => written[(r.SensorId, r.Time)] = r);
        }

        await Write(300, 9);
        if (random.Next(4) > 0)
        {
            await RefreshAllAsync();
            await Write(10, 9);
            await RefreshAllAsync();
        }

        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < 12; i++)
            {
                var query = Random(random, $"s{seed}", now);
                Reading[] all = [.. written.Values.OrderBy(r => r.Time)];
                await CompareAsync(query, all);
                if (i % 3 == 0)
                {
                    await ChoosesAsync(query with { Bucket = SeriesBucket.Auto, Points = random.Next(1, 200) }, all);
                }
            }

            await Store.RetainAsync(Token);
        }
    }

    /// <summary>Readings where no sensor has more than the points, else buckets, no more of them.</summary>
    private async Task ChoosesAsync(SeriesQuery query, IReadOnlyList<Reading> written)
    {
        await using var reader = await Store.ReadSeriesAsync(query, Token);
        var most = 0;
        foreach (var sensorId in reader.SensorIds)
        {
            most = Math.Max(most, (await RawAsync(sensorId, query.Range)).Count);
        }

        var mayBeReadings = query.Fill == SeriesFill.None && !query.Functions.Any(f => f.NeedsBuckets)
            && !(query.Range.From < await Store.ReadRawHorizonAsync(Token));
        Assert.Equal(mayBeReadings && most <= query.Points, reader.Width is null);
        foreach (var series in await reader.ToListAsync(Token))
        {
            // A range that begins and ends inside of buckets may have one more than its length tells.
            Assert.InRange(series.Points.Count, 0, query.Points + 1);
        }

        if (reader.Width is { } width)
        {
            await CompareAsync(query with { Bucket = SeriesBucket.Of(width) }, written);
        }
    }

    private SeriesQuery Random(Random random, string sensor, Instant now)
    {
        T Pick<T>(params ReadOnlySpan<T> choices) => choices[random.Next(choices.Length)];
        var from = now - TimeSpan.FromMinutes(random.Next(1, 10 * 24 * 60));
        Assert.True(SeriesBucket.TryParse(Pick(Widths), Store.Schema, out var bucket, out _));
        Assert.True(TimeZones.TryFind(Pick(Zones), out var zone));

        // Half of the questions are of what aggregates keep.
        SeriesFunction[] kept = [SeriesFunction.Avg, SeriesFunction.Min, SeriesFunction.Max, SeriesFunction.Count, SeriesFunction.Sum];
        var functions = Pick(kept, Enum.GetValues<SeriesFunction>());
        return new SeriesQuery
        {
            Sensors = Pick<string[]>([$"{sensor}a"], [$"{sensor}*"]),
            Range = new TimeRange(from, Pick(Instant.MaxValue, from + TimeSpan.FromMinutes(random.Next(1, 6 * 24 * 60)))),
            Now = now,
            Bucket = bucket,
            Metrics = Pick<string[]?>(null, ["humidity"]),
            Functions = [.. functions.Where(_ => random.Next(4) == 0).DefaultIfEmpty(SeriesFunction.Avg)],
            Zone = zone,
            Fill = Pick(SeriesFill.None, SeriesFill.None, SeriesFill.Null, SeriesFill.Previous, SeriesFill.Linear),
            Lookback = Pick<TimeSpan?>(null, TimeSpan.FromHours(5), TimeSpan.FromDays(3)),
        };
    }
}
