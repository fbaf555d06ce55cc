using Npgsql;

namespace Tidemark.Timescale;

/// <summary>Which metrics may come, and which readings are refused because theirs may not.</summary>
public sealed partial class TimescaleStore
{
    // Eight bytes each, beside an id of up to 200 bytes and a bit for each that is null: a row of PostgreSQL's has to fit into a page of
    // 8 KiB.
    private const int MostValues = 950;
    private const int ValuesOfMetric = 5;

    /// <summary>How many metrics any store of these aggregates can have.</summary>
    private int MostMetrics => (MostValues - _kept.Aggregates.Max(a => a.ExtraColumns.Count)) / ValuesOfMetric;

    private int Places => Math.Min(_options.MaxMetrics, MostMetrics);

    private string TooMany(string name) => _options.MaxMetrics <= MostMetrics
        ? NewMetric.TooMany(name)
        : $"the metric '{name}' is new, and the store has {MostMetrics} metrics, the most that a row of an aggregate has place for on "
            + "TimescaleDB";

    private sealed record Judgement(SortedDictionary<int, RefusedReading> Refused, IReadOnlyList<string> New, StoreException? Failure);

    /// <summary>
    /// What becomes of batches, one after the other: which readings are refused, and which metrics the others bring. A batch that is
    /// refused whole, or readings of sensors that have no place, bring none.
    /// </summary>
    private async Task<List<Judgement>> JudgeAsync(NpgsqlConnection connection, List<GrowJob> jobs)
    {
        var metrics = (await LoadCatalogAsync(connection, default)).Metrics;
        var horizon = (await LoadStateAsync(connection, default)).RawHorizon;
        var ids = jobs.SelectMany(job => job.Batch.SensorIds.ToArray()).Distinct().ToArray();
        var known = (string[])(await ScalarAsync(
            connection,
            "SELECT ARRAY(SELECT sensor_id::text FROM tidemark.sensors WHERE sensor_id = ANY ($1))",
            default,
            [ids]))!;
        var places = known.Length == ids.Length
            ? 0
            : _options.MaxSensors - (long)(await ScalarAsync(connection, "SELECT count(*) FROM tidemark.sensors", default))!;
        var sensors = known.ToHashSet(StringComparer.Ordinal);
        var coming = new HashSet<string>(StringComparer.Ordinal);
        return jobs.ConvertAll(job =>
        {
            if (Earliest(job.Batch) is var earliest && earliest < horizon)
            {
                return new Judgement([], [], StoreException.OlderThanRetention(earliest, horizon.Value));
            }

            var (refused, allowed) = Judge(job.Batch, metrics, coming);
            var taken = Enumerable.Range(0, job.Batch.Count)
                .Where(row => !refused.ContainsKey(row) && HasPlace(job.Batch.SensorIds[row])).ToList();
            var brought = allowed.Where(m => taken.Exists(row => !double.IsNaN(job.Batch.Metric(m)[row])))
                .Select(m => job.Batch.Metrics[m]).ToList();
            coming.UnionWith(brought);
            return new Judgement(refused, brought, null);
        });

        bool HasPlace(string sensorId)
        {
            if (!sensors.Contains(sensorId) && places > 0)
            {
                places--;
                sensors.Add(sensorId);
            }

            return sensors.Contains(sensorId);
        }
    }

    private static Instant Earliest(ReadingBatch batch)
    {
        var earliest = Instant.MaxValue.Micros;
        foreach (var time in batch.TimesMicros)
        {
            earliest = Math.Min(earliest, time);
        }

        return new Instant(earliest);
    }

    /// <returns>The readings that a metric's value refuses, and the places of metrics that are new and may come.</returns>
    private (SortedDictionary<int, RefusedReading> Refused, List<int> Allowed) Judge(
        ReadingBatch batch,
        MetricCatalog metrics,
        HashSet<string> coming)
    {
        var (refused, allowed) = (new SortedDictionary<int, RefusedReading>(), new List<int>());
        for (var m = 0; m < batch.MetricCount; m++)
        {
            var name = batch.Metrics[m];
            if (metrics.Find(name) is not null || coming.Contains(name) || !HasValues(batch, m))
            {
                continue;
            }

            var error = Metric.CheckName(name)
                ?? (_options.NewMetrics is NewMetrics.Refuse ? NewMetric.Refused(name, Schema) : null)
                ?? (metrics.All.Count + coming.Count + allowed.Count >= Places ? TooMany(name) : null);
            if (error is null)
            {
                allowed.Add(m);
                continue;
            }

            var values = batch.Metric(m);
            for (var row = 0; row < values.Length; row++)
            {
                if (!double.IsNaN(values[row]))
                {
                    refused.TryAdd(row, new RefusedReading(row, error));
                }
            }
        }

        return (refused, allowed);
    }

    internal static bool HasValues(ReadingBatch batch, int metric) => batch.Metric(metric).IndexOfAnyExcept(double.NaN) >= 0;
}
