using System.Runtime.CompilerServices;

namespace Tidemark.Server.Export;

/// <summary>Rows of raw readings or of an aggregate under one view.</summary>
/// <param name="Count">How many.</param>
/// <param name="Time">By row.</param>
/// <param name="SensorId">By row.</param>
/// <param name="Value">By row and value column; NaN stands for null.</param>
/// <param name="ReadingCount">By row; 1 for readings.</param>
internal sealed record ExportBatch(
    int Count,
    Func<int, Instant> Time,
    Func<int, string> SensorId,
    Func<int, int, double> Value,
    Func<int, long> ReadingCount)
{
    /// <summary>By row, where <see cref="ExportTable.HasFilled"/>.</summary>
    public Func<int, bool> IsFilled { get; init; } = _ => false;

    public static ExportBatch Of(ReadingBatch batch)
        => new(
            batch.Count,
            row => new Instant(batch.TimesMicros[row]),
            row => batch.SensorIds[row],
            (row, column) => batch.Metric(column)[row],
            _ => 1);

    public static ExportBatch Of(AggregateBatch batch) => new(batch.Count, batch.Bucket, batch.SensorId, batch.Value, batch.ReadingCount);
}

/// <summary>What is exported: time, sensor_id, value columns and, for aggregates, reading_count.</summary>
/// <param name="Name">Of the table.</param>
/// <param name="TimeColumn">The name of the first column.</param>
/// <param name="Values">The names of the value columns.</param>
/// <param name="HasCounts">Whether reading_count follows.</param>
/// <param name="Batches">The rows; enumerated once.</param>
internal sealed record ExportTable(
    string Name, string TimeColumn, IReadOnlyList<string> Values, bool HasCounts, IAsyncEnumerable<ExportBatch> Batches)
{
    public const string SensorColumn = "sensor_id";
    public const string CountColumn = "reading_count";
    public const string FilledColumn = "filled";

    /// <summary>Whether a last column tells which rows have values that no reading gave.</summary>
    public bool HasFilled { get; init; }

    /// <summary>Whether text formats tell times as epoch milliseconds instead of RFC 3339.</summary>
    public bool EpochMillis { get; init; }

    public static ExportTable Of(IReadOnlyList<string> metrics, IAsyncEnumerable<ReadingBatch> batches)
        => new(TelemetrySchema.RawTable, "time", metrics, false, batches.Select(ExportBatch.Of));

    public static ExportTable Of(AggregateDefinition aggregate, AggregateReader reader)
        => new(aggregate.Name, aggregate.BucketColumn, reader.Columns, true, reader.Rows.Select(ExportBatch.Of));

    /// <summary>The same table, its rows counted on their way.</summary>
    /// <param name="passed">Called after each batch with the rows so far.</param>
    public ExportTable Counted(Action<long> passed)
    {
        return this with { Batches = Count(Batches) };

        async IAsyncEnumerable<ExportBatch> Count(
            IAsyncEnumerable<ExportBatch> batches,
            [EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            var rows = 0L;
            await foreach (var batch in batches.WithCancellation(cancellationToken))
            {
                yield return batch;
                passed(rows += batch.Count);
            }
        }
    }
}
