using System.Net;
using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using Npgsql;

namespace Tidemark.App.Tests.Grafana;

/// <summary>
/// Every query of the dashboards of deploy/grafana, sent as the data sources would send it, against both engines and by SQL. Grafana itself
/// doesn't run here.
/// </summary>
[Collection(GrafanaStores.Name)]
[UnsupportedOSPlatform("windows")]
public sealed class QueryTests(GrafanaStores stores)
{
    private static readonly Dashboard Api = new(Dashboard.Api);
    private static readonly Dashboard Sql = new(Dashboard.PostgreSql);

    private static readonly string[] All = [GrafanaStores.Silent, GrafanaStores.Meter, GrafanaStores.Quoted];

    public static TheoryData<string, int, string> Intervals => new()
    {
        { "1m", 3, "temperature" }, { "5m", 30, "temperature" }, { "30m", 40, "energy_kwh" }, { "1h", 60, "temperature" },
        { "6h", 70, "temperature" }, { "1d", 70, "energy_kwh" },
    };

    [Fact]
    public void Every_panel_has_a_test()
    {
        string[] titles =
        [
            "Current values", "Stale sensors", "Fleet average", "Chosen sensors", "Value of $sensors", "Values each hour",
            "Consumption each day",
        ];
        Assert.Equal(titles, Api.Panels.Select(p => Dashboard.Text(p["title"])));
        Assert.Equal(titles, Sql.Panels.Select(p => Dashboard.Text(p["title"])));
        Assert.All(Api.Panels.Concat(Sql.Panels), p => Assert.Single(p["targets"]!.AsArray()));
    }

    [Fact]
    public async Task Variables_list_sensors_and_metrics()
    {
        foreach (var engine in new[] { "embedded", "timescale" })
        {
            Assert.Equal(Ordered(All), await stores.ListAsync(Api.Variable("sensors"), engine));
            Assert.Equal(
                ["temperature", "humidity", "pressure", "energy_kwh"], await stores.ListAsync(Api.Variable("metric"), engine));
        }

        Assert.Equal(Ordered(All), await stores.ListAsync(Sql.Variable("sensors"), ""));
        Assert.Equal(["temperature", "humidity", "pressure", "energy_kwh"], await stores.ListAsync(Sql.Variable("metric"), ""));
    }

    [Theory]
    [MemberData(nameof(Intervals))]
    public async Task Chosen_sensors_have_the_averages_of_their_readings(string interval, int hours, string metric)
    {
        // Neither end is where a bucket begins: the first one that is shown is whole, and so is the last.
        var asked = Ask(hours, metric) with { Interval = interval };
        var expected = Frame.Of(["avg"], Buckets(asked).Select(
            b => new FrameRow(b.Start, b.Sensor, b.Values.Count == 0 ? null : b.Values.Average())));
        Assert.NotEmpty(expected.Rows);
        await AssertAllAsync("Chosen sensors", asked, expected);
    }

    [Theory]
    [MemberData(nameof(Intervals))]
    public async Task A_sensor_has_a_band_from_the_least_to_the_greatest(string interval, int hours, string metric)
    {
        // Repeated for each sensor, so that one is chosen in each copy.
        Assert.Equal("sensors", Dashboard.Text(Api.Panel("Value of $sensors")["repeat"]));
        foreach (var sensor in new[] { GrafanaStores.Meter, GrafanaStores.Quoted })
        {
            var asked = Ask(hours, metric) with { Interval = interval, Sensors = [sensor] };
            var expected = Frame.Of(["avg", "min", "max"], Buckets(asked).Select(
                b => new FrameRow(b.Start, "", b.Values.Average(), b.Values.Min(), b.Values.Max())));
            await AssertAllAsync("Value of $sensors", asked, expected);
        }
    }

    /// <summary>Where weeks begin is no matter of taste once both dashboards stand beside each other.</summary>
    [Fact]
    public async Task Points_of_a_week_begin_alike()
    {
        var asked = Ask(70, "temperature") with { Interval = "7d", From = new Instant(stores.Hour.Micros - (20 * 86_400_000_000L)) };
        var expected = await stores.AskSqlAsync(Sql.Query("Chosen sensors"), asked);
        Assert.NotEmpty(expected.Rows);
        Frame.AssertSame(expected, await stores.AskApiAsync("embedded", Api.Query("Chosen sensors"), asked), "embedded");
        Frame.AssertSame(expected, await stores.AskApiAsync("timescale", Api.Query("Chosen sensors"), asked), "timescale");
    }

    [Fact]
    public async Task Current_values_are_the_last_readings_with_their_age()
    {
        foreach (var metric in new[] { "temperature", "energy_kwh" })
        {
            var asked = Ask(24, metric);
            var expected = Frame.Of(["value"], Last().Select(r => new FrameRow(r.Micros, r.Sensor, r.Of(metric))));
            await AssertAllAsync("Current values", asked, expected, f => WithoutAge(f, 0));
        }
    }

    [Fact]
    public async Task Stale_sensors_are_those_that_have_been_silent_for_too_long()
    {
        var asked = Ask(24, "temperature") with { Silence = "1 hour" };
        var silent = Last().Where(r => r.Micros < Instant.From(DateTimeOffset.UtcNow).Micros - 3_600_000_000).ToList();
        Assert.Contains(silent, r => r.Sensor == GrafanaStores.Silent);
        Assert.DoesNotContain(silent, r => r.Sensor == GrafanaStores.Meter);
        var expected = Frame.Of([], silent.Select(r => new FrameRow(r.Micros, r.Sensor)));
        await AssertAllAsync("Stale sensors", asked, expected, f => WithoutAge(f, 3600));
    }

    [Fact]
    public async Task The_fleet_s_average_is_that_of_all_readings_of_an_hour()
    {
        foreach (var metric in new[] { "temperature", "energy_kwh" })
        {
            var asked = Ask(50, metric) with { Sensors = [GrafanaStores.Quoted] };
            var expected = Frame.Of(["average"], Buckets(asked with { Sensors = All, Interval = "1h" }).GroupBy(b => b.Start).Select(
                hour => (hour.Key, Values: hour.SelectMany(b => b.Values).ToList())).Select(
                hour => new FrameRow(hour.Key, "", hour.Values.Count == 0 ? null : hour.Values.Average())));
            await AssertAllAsync("Fleet average", asked, expected);
        }
    }

    [Fact]
    public async Task An_hour_without_values_has_none()
    {
        var asked = Ask(40, "temperature");
        var buckets = Buckets(asked with { Interval = "1h" }).ToDictionary(b => (b.Start, b.Sensor), b => b.Values.Count);
        const long Width = 3_600_000_000;
        var now = Instant.From(DateTimeOffset.UtcNow).Micros;
        var hours = Enumerable.Range(0, 42).Select(i => ((asked.From.Micros + Width - 1) / Width * Width) + (i * Width))
            .Where(h => h < Math.Min(asked.To.Micros, now));
        var expected = Frame.Of(["count"], hours.SelectMany(h => All.Select(s => new FrameRow(h, s, buckets.GetValueOrDefault((h, s))))));
        Assert.True(expected.Rows.Count(r => r.Sensor == GrafanaStores.Quoted && r.Values[0] == 0) >= 6);
        await AssertAllAsync("Values each hour", asked, expected);
    }

    [Theory]
    [InlineData("utc"), InlineData("Europe/Berlin"), InlineData("America/New_York"), InlineData("Asia/Kathmandu")]
    public async Task Consumption_is_what_meters_went_on_in_days_of_the_dashboard_s_zone(string zone)
    {
        var asked = Ask(60, "energy_kwh") with { Zone = zone, Sensors = [GrafanaStores.Meter, GrafanaStores.Quoted] };
        var clock = TimeZoneInfo.FindSystemTimeZoneById(zone);
        var rows = new List<(long Day, string Sensor, double? Delta)>();
        foreach (var sensor in asked.Sensors)
        {
            double? before = null;
            foreach (var reading in stores.Readings.Where(r => r.Sensor == sensor).OrderBy(r => r.Micros))
            {
                rows.Add((Midnight(reading.Micros), sensor, reading.Energy < before ? reading.Energy : reading.Energy - before));
                before = reading.Energy;
            }
        }

        var expected = Frame.Of(["delta"], rows.Where(r => r.Day >= asked.From.Micros && r.Day < asked.To.Micros)
            .GroupBy(r => (r.Day, r.Sensor)).Select(g => new FrameRow(g.Key.Day, g.Key.Sensor, g.Sum(r => r.Delta))));
        Assert.NotEmpty(expected.Rows);
        await AssertAllAsync("Consumption each day", asked, expected);

        long Midnight(long micros)
        {
            var local = TimeZoneInfo.ConvertTime(DateTimeOffset.UnixEpoch.AddMicroseconds(micros), clock).Date;
            return Instant.From(new DateTimeOffset(local, clock.GetUtcOffset(local))).Micros;
        }
    }

    [Theory]
    [InlineData("embedded"), InlineData("timescale")]
    public async Task The_health_check_tells_whether_the_key_is_right(string engine)
    {
        using var answer = await stores.SendAsync(engine, "/api/metrics");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using var refused = await stores.SendAsync(engine, "/api/metrics", "none");
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    private Expansion Ask(int hours, string metric) => new(
        All, metric, new Instant(stores.Hour.Micros - (hours * 3_600_000_000L) + 123_456_000), Instant.From(DateTimeOffset.UtcNow));

    private async Task AssertAllAsync(string title, Expansion asked, Frame expected, Func<Frame, Frame>? shown = null)
    {
        shown ??= f => f;
        Frame.AssertSame(expected, shown(await stores.AskApiAsync("embedded", Api.Query(title), asked)), $"{title}, embedded");
        Frame.AssertSame(expected, shown(await stores.AskApiAsync("timescale", Api.Query(title), asked)), $"{title}, timescale");
        Frame.AssertSame(expected, shown(await stores.AskSqlAsync(Sql.Query(title), asked)), $"{title}, SQL");
    }

    /// <summary>The buckets that begin in the range, of each sensor that has a reading in them.</summary>
    private IEnumerable<(long Start, string Sensor, List<double> Values)> Buckets(Expansion asked)
    {
        var width = asked.Interval switch
        {
            "1m" => 60_000_000L,
            "5m" => 300_000_000,
            "30m" => 1_800_000_000,
            "1h" => 3_600_000_000,
            "6h" => 21_600_000_000,
            _ => 86_400_000_000,
        };
        return stores.Readings.Where(r => asked.Sensors.Contains(r.Sensor)).GroupBy(r => (Start: r.Micros / width * width, r.Sensor))
            .Where(g => g.Key.Start >= asked.From.Micros && g.Key.Start < asked.To.Micros)
            .Select(g => (g.Key.Start, g.Key.Sensor, g.Select(r => r.Of(asked.Metric)).OfType<double>().ToList()));
    }

    private IEnumerable<StoredReading> Last() => stores.Readings.GroupBy(r => r.Sensor).Select(g => g.MaxBy(r => r.Micros)!);

    private static IEnumerable<string> Ordered(IEnumerable<string> ids) => ids.Order(StringComparer.Ordinal);

    private static Frame WithoutAge(Frame frame, double least)
    {
        var place = frame.Columns.ToList().IndexOf("age_s");
        var now = Instant.From(DateTimeOffset.UtcNow).Micros;
        Assert.All(frame.Rows, row =>
        {
            var age = (now - row.Micros) / 1e6;
            Assert.InRange(row.Values[place]!.Value, Math.Max(least, age - 60), age);
        });
        return new Frame(
            [.. frame.Columns.Where((_, i) => i != place)],
            [.. frame.Rows.Select(r => r with { Values = [.. r.Values.Where((_, i) => i != place)] })]);
    }
}
