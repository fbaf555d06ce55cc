using System.Text.Json;

namespace Tidemark.Cli.Client;

/// <param name="Name">For people.</param>
/// <param name="Aggregation">The aggregate.</param>
/// <param name="DataPoints">Buckets that both answers have.</param>
/// <param name="RawMs">The median time from raw readings.</param>
/// <param name="AggregateMs">The median time from the aggregate.</param>
/// <param name="Differences">Buckets in which the two answers differ.</param>
/// <param name="DataFrom">Where retention has dropped raw readings: only buckets from here on are compared.</param>
internal sealed record Comparison(
    string Name, string Aggregation, int DataPoints, double RawMs, double AggregateMs, int Differences, Instant? DataFrom = null)
{
    /// <summary>How many times faster the aggregate is.</summary>
    public double Speedup => RawMs / AggregateMs;

    public bool Agrees => Differences == 0;
}

/// <summary>One of the exercise's queries, from raw readings, then from its aggregate.</summary>
/// <param name="Name">For people.</param>
/// <param name="Aggregation">The aggregate, whose buckets are <paramref name="Bucket"/> wide.</param>
/// <param name="Bucket">Only buckets that are closed are asked for: those being written may differ from call to call.</param>
/// <param name="Period">How far back.</param>
internal sealed record ComparedQuery(string Name, string Aggregation, BucketWidth Bucket, Period Period)
{
    private const int Runs = 15;

    // Both processes compile what they run first; an answer that takes a millisecond would be measured by that.
    private const int WarmUp = 40;

    public static readonly IReadOnlyList<ComparedQuery> All =
    [
        new("Query 1: hourly averages of 30 days", "hourly", BucketWidth.Fixed(TimeSpan.FromHours(1)), new Period(30, 'd')),
        new("Query 2: daily averages of a year", "daily", BucketWidth.Fixed(TimeSpan.FromDays(1)), new Period(1, 'y')),
    ];

    /// <exception cref="CommandFailedException">The server refuses.</exception>
    public async Task<Comparison> RunAsync(ApiClient client, string metric, Instant now, CancellationToken cancellationToken)
    {
        var path = $"/api/fleet/{Aggregation}?metric={metric}&from={Period.Until(now).From}&to={Bucket.Floor(now)}";
        var (raw, aggregate) = (new List<ApiAnswer>(), new List<ApiAnswer>());
        for (var run = 0; run < Runs; run++)
        {
            raw.Add(await AskAsync(client, $"{path}&source=raw", cancellationToken));
        }

        for (var run = 0; run < WarmUp + Runs; run++)
        {
            var answer = await AskAsync(client, $"{path}&source=aggregate", cancellationToken);
            if (run >= WarmUp)
            {
                aggregate.Add(answer);
            }
        }

        var from = raw[^1].DataFrom;
        var (points, differences) = Compare(Points(raw[^1], from), Points(aggregate[^1], from));
        return new Comparison(Name, Aggregation, points, Median(raw), Median(aggregate), differences, from);
    }

    /// <summary>Sums and averages may differ in the last digits, because they are added up in another order.</summary>
    public static (int Common, int Differences) Compare(
        IReadOnlyDictionary<string, (double? Average, long Count)> raw,
        IReadOnlyDictionary<string, (double? Average, long Count)> aggregate)
    {
        var common = raw.Keys.Intersect(aggregate.Keys).ToList();
        var differing = common.Count(
            time => raw[time].Count != aggregate[time].Count || !IsClose(raw[time].Average, aggregate[time].Average));
        return (common.Count, differing + raw.Count + aggregate.Count - (2 * common.Count));
    }

    private static bool IsClose(double? a, double? b)
        => a is null || b is null
            ? a is null && b is null
            : Math.Abs(a.Value - b.Value) <= 1e-9 * Math.Max(1, Math.Max(Math.Abs(a.Value), Math.Abs(b.Value)));

    private static async Task<ApiAnswer> AskAsync(ApiClient client, string path, CancellationToken cancellationToken)
    {
        var answer = await client.GetAsync(path, cancellationToken);
        return answer.IsSuccess ? answer : throw new CommandFailedException($"{client.Server}{path}: {answer.Error}");
    }

    private static Dictionary<string, (double? Average, long Count)> Points(ApiAnswer answer, Instant? from)
        => answer.Body.GetProperty("data").EnumerateArray().Where(point => !(Time(point) < from)).ToDictionary(
            point => point.GetProperty("time").GetString()!,
            point => (Number(point.GetProperty("average")), point.GetProperty("reading_count").GetInt64()));

    private static Instant Time(JsonElement point)
        => Instant.TryParse(point.GetProperty("time").GetString(), out var time) ? time : Instant.MinValue;

    private static double? Number(JsonElement element) => element.ValueKind == JsonValueKind.Null ? null : element.GetDouble();

    private static double Median(IEnumerable<ApiAnswer> answers)
        => answers.Select(a => a.Elapsed.TotalMilliseconds).Order().ElementAt(Runs / 2);
}
