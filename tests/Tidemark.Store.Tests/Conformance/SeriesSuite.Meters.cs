using Tidemark.Series;

namespace Tidemark.Store.Tests.Conformance;

public abstract partial class SeriesSuite
{
    /// <summary>A meter that counts up, is reset now and then, and is silent for hours.</summary>
    [Fact]
    public async Task The_deltas_of_hours_add_up_to_the_days_and_those_to_the_ranges()
    {
        var (random, count) = (new Random(3), 990.0);
        var readings = new List<Reading>();
        for (var time = At("2026-02-27T00:05Z"); time < At("2026-03-10T11:00Z"); time += TimeSpan.FromMinutes(random.Next(5, 300)))
        {
            count = random.Next(25) == 0 ? random.Next(3) : count + (random.Next(40) / 8.0);
            readings.Add(new Reading(time, "a", [random.Next(20) == 0 ? double.NaN : count, 1]));
        }

        await WriteAsync(readings);
        await RefreshAllAsync();
        async Task<double> Sum(string bucket, string from, string to)
        {
            var query = Query(bucket, from, to) with { Functions = [SeriesFunction.Delta], Lookback = TimeSpan.FromDays(2) };
            var values = (await AskAsync(query)).Series[0].Points.Select(p => p.Values[0]).Where(v => !double.IsNaN(v)).ToList();
            Assert.All(values, v => Assert.True(v >= 0));
            return values.Sum();
        }

        var total = 0.0;
        for (var day = 28; day < 38; day++)
        {
            string Date(int d) => $"2026-{(d > 28 ? $"03-{d - 28:00}" : $"02-{d:00}")}";
            var ofDay = await Sum("1d", Date(day), Date(day + 1));
            Assert.Equal(ofDay, await Sum("1h", Date(day), Date(day + 1)), 1e-9);
            Assert.Equal(ofDay, await Sum("7m", Date(day), Date(day + 1)), 1e-9);
            total += ofDay;
        }

        Assert.Equal(total, await Sum("1h", "2026-02-28", "2026-03-10"), 1e-9);
        Assert.Equal(
            await Sum("1w", "2026-02-23", "2026-03-16"),
            await Sum("1h", "2026-02-23", "2026-02-28") + total + await Sum("1h", "2026-03-10", "2026-03-16"),
            1e-9);

        // By hand: what each value is above the one before, or all of it after a reset.
        var values = readings.Where(r => !double.IsNaN(r.Values[0])).ToList();
        var first = values.FindIndex(r => r.Time >= At("2026-02-28"));
        Assert.Equal(
            values.Zip(values.Skip(1)).Skip(first - 1).Where(p => p.Second.Time < At("2026-03-10"))
                .Sum(p => p.Second.Values[0] < p.First.Values[0] ? p.Second.Values[0] : p.Second.Values[0] - p.First.Values[0]),
            total,
            1e-9);
        await CompareAsync(Query("1d", "2026-02-28", "2026-03-10") with { Functions = [SeriesFunction.Delta, SeriesFunction.Rate] });
    }

    [Fact]
    public async Task A_delta_begins_with_the_last_value_within_the_lookback()
    {
        await WriteAsync(At("2026-03-05T10:00Z", 100), At("2026-03-08T10:10Z", 130), At("2026-03-08T12:10Z", 131));
        async Task<string> Deltas(TimeSpan? lookback)
            => string.Join(' ', (await AskAsync(Query("1h", "2026-03-08", "2026-03-09") with
            {
                Functions = [SeriesFunction.Delta],
                Metrics = ["temperature"],
                Lookback = lookback,
            })).Series[0].Points);
        Assert.Equal("03-08 10:00 ×1 NaN 03-08 12:00 ×1 1", await Deltas(null));
        Assert.Equal("03-08 10:00 ×1 NaN 03-08 12:00 ×1 1", await Deltas(TimeSpan.FromHours(61)));
        Assert.Equal("03-08 10:00 ×1 30 03-08 12:00 ×1 1", await Deltas(TimeSpan.FromHours(62)));
        Assert.Equal("03-08 10:00 ×1 30 03-08 12:00 ×1 1", await Deltas(TimeSpan.FromDays(30)));
    }

    [Fact]
    public async Task An_average_by_time_lets_a_value_last_until_the_next()
    {
        await WriteAsync(At("2026-03-09T23:00Z", 8), At("2026-03-10T00:15Z", 20), At("2026-03-10T00:45Z", 40), At("2026-03-10T10:30Z", 0));
        var query = Query("1h", "2026-03-10", "2026-03-11") with { Functions = [SeriesFunction.TimeWeighted], Metrics = ["temperature"] };
        var (_, series) = await AskAsync(query);

        // The clock stands at noon.
        Assert.Equal(
            ["03-10 00:00 ×2 22", .. Enumerable.Range(1, 9).Select(h => $"03-10 0{h}:00 ×0 40"), "03-10 10:00 ×1 20", "03-10 11:00 ×0 0"],
            series[0].Points.Select(p => p.ToString()));
        Assert.All(series[0].Points, p => Assert.Equal(p.ReadingCount == 0, p.Filled));
        var (_, without) = await AskAsync(query with { Lookback = TimeSpan.FromMinutes(30) });
        Assert.Equal("03-10 00:00 ×2 26.666667", without[0].Points[0].ToString());
    }

    [Fact]
    public async Task Gaps_are_filled_as_asked()
    {
        await WriteAsync(At("2026-03-10T00:10Z", 10, 1), At("2026-03-10T04:10Z", 30), At("2026-03-10T05:10Z", null, 7));
        await RefreshAllAsync();
        foreach (var (fill, expected) in new[]
        {
            (SeriesFill.None, "02=- 03=- 04=30 NaN 1 05=NaN 7 0"),
            (SeriesFill.Null, "02=NaN NaN 0 03=NaN NaN 0 04=30 NaN 1 05=NaN 7 0 06=NaN NaN 0"),
            (SeriesFill.Previous, "02=10 1 0 03=10 1 0 04=30 1 1 05=30 7 0 06=30 7 0"),
            (SeriesFill.Linear, "02=20 3.4 0 03=25 4.6 0 04=30 5.8 1 05=NaN 7 0 06=NaN NaN 0"),
        })
        {
            var query = Query("1h", "2026-03-10T02:00Z", "2026-03-10T07:00Z") with { Fill = fill };
            var (_, series) = await AskAsync(query);
            var counts = (await AskAsync(query with { Functions = [SeriesFunction.Count] })).Series[0].Points;
            var text = string.Join(' ', series[0].Points.Zip(counts, (p, c)
                => $"{p.Time.ToDateTime():HH}={string.Join(' ', p.Values.Select(v => $"{v:0.######}"))} {c.Values[0]}"));
            Assert.Equal(fill == SeriesFill.None ? "04=30 NaN 1 05=NaN 7 0" : expected, text);
            await CompareAsync(query);
        }
    }
}
