using Tidemark.Generation;

namespace Tidemark.Benchmarks.Peers;

/// <summary>A question that both stores are asked, each in its own words.</summary>
/// <param name="Name">For the report.</param>
/// <param name="Own">The request for a sensor's id.</param>
/// <param name="Other">The same of VictoriaMetrics.</param>
/// <param name="Median">The ratio of the medians that is to be reached.</param>
/// <param name="Rate">That of the requests a second.</param>
internal sealed record PeerQuestion(string Name, Func<string, string> Own, Func<string, string> Other, double Median, double Rate)
{
    /// <summary>VictoriaMetrics answers averages of the three metrics; Tidemark average, minimum and maximum of each and a count.</summary>
    public static IReadOnlyList<PeerQuestion> All(Instant end) =>
    [
        Aggregate("week of hours", "hourly", "1w", TimeSpan.FromDays(7), end, "1h", median: 1.0, rate: 1.5),
        Aggregate("month of days", "daily", "1m", TimeSpan.FromDays(30), end, "1d", median: 1.0, rate: 1.0),
        new(
            "current",
            id => $"/api/sensors/{id}/current",
            id => $"/api/v1/query?query={Escaped(Series(id))}&time={Seconds(end)}",
            1.0,
            1.0),
        new("list of sensors", _ => "/api/sensors", _ => "/api/v1/label/sensor_id/values", 1.0, 1.0),
    ];

    public static PeerQuestion RawDay(Instant end, string state) => new(
        $"raw day, {state}",
        id => $"/api/sensors/{id}/raw?period=1d",
        id => $"/api/v1/export?match[]={Escaped(Series(id))}&start={Seconds(end - TimeSpan.FromDays(1))}&end={Seconds(end)}",
        1.0,
        1.0);

    public static PeerQuestion Fleet(Instant end) => new(
        "an hour's average over all sensors, last day",
        _ => "/api/fleet/hourly?metric=temperature&period=1d",
        _ => Range($"avg(avg_over_time(sensor_data_temperature[1h]))", end - TimeSpan.FromDays(1), end, "1h"),
        0.5,
        1.0);

    private static PeerQuestion Aggregate(
        string name, string aggregate, string period, TimeSpan span, Instant end, string step, double median, double rate)
        => new(
            name,
            id => $"/api/sensors/{id}/{aggregate}?period={period}",
            id => Range($"avg_over_time({Series(id)}[{step}])", end - span, end, step),
            median,
            rate);

    private static string Range(string query, Instant from, Instant to, string step)
        => $"/api/v1/query_range?query={Escaped(query)}&start={Seconds(from)}&end={Seconds(to)}&step={step}";

    private static string Series(string id) => $"{{sensor_id=\"{id}\"}}";

    private static string Escaped(string text) => Uri.EscapeDataString(text);

    private static long Seconds(Instant instant) => instant.Micros / 1_000_000;

    /// <summary>A random sensor of the set, the same ones for both.</summary>
    public static Func<string> Sensors(PeerSet set)
    {
        var random = new Random(1);
        return () => SensorSimulator.SensorId(random.Next(set.Sensors));
    }
}
