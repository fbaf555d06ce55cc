using Tidemark.Configuration;
using Tidemark.Generation;

namespace Tidemark.Tests.Generation;

public class GeneratorTests
{
    private static readonly Instant From = Instant.Utc(2026, 1, 1);
    private static readonly Instant To = From + TimeSpan.FromDays(30);
    private static readonly TelemetrySchema Schema = OptionsLoader.Load(null, []).Schema;
    private static readonly GeneratorPlan Plan = new() { Sensors = 2, Interval = TimeSpan.FromMinutes(1) };

    [Fact]
    public void The_grid_has_both_ends_and_lies_on_the_epoch()
    {
        var generator = new Generator(Schema, Plan);
        Assert.Equal((From, 43_201), generator.Grid(From, To));
        Assert.Equal((From + TimeSpan.FromMinutes(1), 43_199), generator.Grid(new Instant(From.Micros + 1), new Instant(To.Micros - 1)));
        Assert.Equal(0, generator.Grid(new Instant(From.Micros + 1), new Instant(From.Micros + 2)).Count);
        Assert.Equal(86_402, Draw(Plan).Count);
    }

    [Fact]
    public void The_same_seed_gives_the_same_readings_and_another_others()
    {
        var readings = Draw(Plan with { Late = 0.1, Gaps = 0.1, Duplicates = 0.1 });
        Assert.True(Same(readings, Draw(Plan with { Late = 0.1, Gaps = 0.1, Duplicates = 0.1 })));
        Assert.False(Same(readings, Draw(Plan with { Seed = 2, Late = 0.1, Gaps = 0.1, Duplicates = 0.1 })));
    }

    [Fact]
    public void A_part_of_a_series_is_drawn_again_alike_whatever_the_batch()
    {
        var day = new Instant(From.Micros + (10 * 86_400_000_000));
        var part = new Generator(Schema, Plan).Readings(day, day + TimeSpan.FromHours(1), 7).SelectMany(Rows).ToList();
        var whole = Draw(Plan).Where(r => r.Time >= day && r.Time <= day + TimeSpan.FromHours(1)).ToList();
        Assert.Equal(122, part.Count);
        Assert.True(Same(whole, part));
    }

    [Fact]
    public void More_sensors_leave_the_first_ones_as_they_were()
        => Assert.True(Same(Draw(Plan), [.. Draw(Plan with { Sensors = 5 }).Where(r => r.SensorId is "sensor_001" or "sensor_002")]));

    [Fact]
    public void Values_keep_to_their_ranges_with_two_decimals_and_are_not_all_at_an_end()
    {
        var readings = Draw(Plan with { Sensors = 10, Interval = TimeSpan.FromMinutes(10) });
        (double Low, double High)[] ranges = [(15, 35), (30, 80), (980, 1020)];
        for (var m = 0; m < ranges.Length; m++)
        {
            var (low, high) = ranges[m];
            var values = readings.Select(r => r.Values[m]).ToList();
            Assert.All(values, v => Assert.InRange(v, low, high));
            Assert.All(values, v => Assert.Equal(Math.Round(v, 2), v));
            Assert.True(values.Count(v => v == low || v == high) < values.Count / 100);
            Assert.True(values.Max() - values.Min() > (high - low) / 4);
        }
    }

    [Fact]
    public void Afternoons_are_warmer_than_nights_and_July_than_January()
    {
        var winter = Draw(Plan);
        var summer = new Generator(Schema, Plan).Readings(Instant.Utc(2026, 7, 1), Instant.Utc(2026, 7, 31), 5000).SelectMany(Rows)
            .ToList();
        Assert.True(Average(winter, 0, r => r.Time.ToDateTime()
            .Hour is >= 14 and < 18) > Average(winter, 0, r => r.Time.ToDateTime().Hour is >= 2 and < 6) + 3);
        Assert.True(Average(summer, 0, _ => true) > Average(winter, 0, _ => true) + 2);
    }

    [Fact]
    public void Humidity_falls_as_it_warms()
    {
        var readings = Draw(Plan);
        var warmest = readings.OrderByDescending(r => r.Values[0]).Take(readings.Count / 4).Average(r => r.Values[1]);
        var coldest = readings.OrderBy(r => r.Values[0]).Take(readings.Count / 4).Average(r => r.Values[1]);
        Assert.True(warmest < coldest - 5, $"{warmest} when warm, {coldest} when cold");
    }

    [Fact]
    public void Sensors_have_an_offset_of_their_own()
        => Assert.True(Math.Abs(
            Average(Draw(Plan), 0, r => r.SensorId == "sensor_001") - Average(Draw(Plan), 0, r => r.SensorId == "sensor_002")) > 0.1);

    [Fact]
    public void Gaps_leave_out_their_share()
        => Assert.InRange(Draw(Plan with { Gaps = 0.1 }).Count / 86_402.0, 0.89, 0.91);

    [Fact]
    public void Duplicates_come_twice_with_the_same_values()
    {
        var readings = Draw(Plan with { Duplicates = 0.1 });
        Assert.InRange(readings.Count / 86_402.0, 1.09, 1.11);
        Assert.All(
            readings.GroupBy(r => (r.Time, r.SensorId)).Where(g => g.Count() > 1),
            g => Assert.True(g.Count() == 2 && g.First().Values.SequenceEqual(g.Last().Values)));
    }

    [Fact]
    public void Late_readings_come_after_newer_ones_and_none_is_lost()
    {
        var readings = Draw(Plan with { Late = 0.1 });
        Assert.InRange(LateCount(readings) / 86_402.0, 0.09, 0.11);
        Assert.True(Same(
            [.. Draw(Plan).OrderBy(r => r.Time).ThenBy(r => r.SensorId, StringComparer.Ordinal)],
            [.. readings.OrderBy(r => r.Time).ThenBy(r => r.SensorId, StringComparer.Ordinal)]));
    }

    private static int LateCount(List<Reading> readings)
    {
        var newest = new Dictionary<string, Instant>();
        return readings.Count(r =>
        {
            var late = newest.TryGetValue(r.SensorId, out var time) && r.Time < time;
            newest[r.SensorId] = late ? time : r.Time;
            return late;
        });
    }

    private static List<Reading> Draw(GeneratorPlan plan) => [.. new Generator(Schema, plan).Readings(From, To, 5000).SelectMany(Rows)];

    private static List<Reading> Rows(ReadingBatch batch) => [.. Enumerable.Range(0, batch.Count).Select(row => batch[row])];

    private static double Average(IEnumerable<Reading> readings, int metric, Func<Reading, bool> where)
        => readings.Where(where).Average(r => r.Values[metric]);

    private static bool Same(IReadOnlyList<Reading> a, IReadOnlyList<Reading> b)
        => a.Count == b.Count && a.Zip(b).All(
            p => p.First.Time == p.Second.Time && p.First.SensorId == p.Second.SensorId && p.First.Values.SequenceEqual(p.Second.Values));
}
