namespace Tidemark.Store.Tests.Conformance;

/// <summary>How many values a metric has in a bucket, nulls left out, with their sum, least and greatest.</summary>
internal readonly record struct MetricSum(long Count, double Sum, double Minimum, double Maximum)
{
    public double Average => Count == 0 ? double.NaN : Sum / Count;

    public static MetricSum Of(double value)
        => double.IsNaN(value) ? new(0, 0, double.NaN, double.NaN) : new(1, value, value, value);

    public static MetricSum operator +(MetricSum a, MetricSum b) => (a.Count, b.Count) switch
    {
        (0, _) => b,
        (_, 0) => a,
        _ => new(a.Count + b.Count, a.Sum + b.Sum, Math.Min(a.Minimum, b.Minimum), Math.Max(a.Maximum, b.Maximum)),
    };
}

/// <summary>One sensor's bucket.</summary>
internal sealed record ReferenceRow(Instant Bucket, string SensorId, long ReadingCount, MetricSum[] Metrics, double[] Extras)
{
    public (Instant Bucket, string SensorId) Key => (Bucket, SensorId);

    public static ReferenceRow Of(AggregateDefinition aggregate, Instant bucket, string sensorId, IReadOnlyList<Reading> readings)
        => new(
            bucket, sensorId, readings.Count, Sum(readings.Select(r => r.Values.Select(MetricSum.Of).ToArray())),
            [.. aggregate.ExtraColumns.Select(c => TestSchema.Expressions[c.Expression](readings))]);

    public static ReferenceRow Of(Instant bucket, string sensorId, IReadOnlyList<ReferenceRow> source)
        => new(bucket, sensorId, source.Sum(r => r.ReadingCount), Sum(source.Select(r => r.Metrics)), []);

    /// <summary>The values in the order of the aggregate's columns.</summary>
    public double[] Columns() => [.. Metrics.SelectMany(m => new[] { m.Average, m.Minimum, m.Maximum }), .. Extras];

    public double[] Partials() => [.. Metrics.SelectMany(m => new[] { m.Count == 0 ? double.NaN : m.Sum, m.Count, m.Minimum, m.Maximum })];

    /// <param name="places">Where each metric stood before, -1 for a new one.</param>
    public ReferenceRow WithMetrics(int[] places)
        => this with { Metrics = [.. places.Select(p => p < 0 ? MetricSum.Of(double.NaN) : Metrics[p])] };

    private static MetricSum[] Sum(IEnumerable<MetricSum[]> rows)
        => rows.Aggregate((a, b) => [.. a.Zip(b, (x, y) => x + y)]);
}
