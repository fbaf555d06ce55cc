using System.Globalization;
using Tidemark.Series;

namespace Tidemark.Store.Tests.Conformance;

/// <summary>One sensor's part of an answer as a whole.</summary>
internal sealed record SeriesAnswer(
    string SensorId, IReadOnlyList<string> Columns, Instant? Watermark, bool Pending, Instant? DataFrom, IReadOnlyList<SeriesPoint> Points)
{
    public IReadOnlyList<string> Metrics { get; init; } = [];
}

/// <param name="Time">Of the reading, or the bucket's start.</param>
/// <param name="ReadingCount">Null where points are readings.</param>
/// <param name="Filled">Whether the bucket holds no reading.</param>
/// <param name="Values">NaN stands for null.</param>
internal sealed record SeriesPoint(Instant Time, long? ReadingCount, bool Filled, double[] Values)
{
    public override string ToString()
        => $"{Time.ToDateTime():MM-dd HH:mm}{(ReadingCount is { } count ? $" ×{count}" : "")} "
            + string.Join(' ', Values.Select(v => v.ToString("0.######", CultureInfo.InvariantCulture)));
}

internal static class SeriesPoints
{
    public static async Task<IReadOnlyList<SeriesAnswer>> ToListAsync(this SeriesReader reader, CancellationToken cancellationToken)
    {
        var answers = new List<SeriesAnswer>();
        await foreach (var series in reader.ReadAsync(cancellationToken))
        {
            var points = new List<SeriesPoint>();
            await foreach (var batch in series.Batches.WithCancellation(cancellationToken))
            {
                points.AddRange(Enumerable.Range(0, batch.Count).Select(row => Point(batch, row, series.Columns.Count)));
            }

            answers.Add(new SeriesAnswer(
                series.SensorId, [.. series.Columns.Select(c => c.Name)], series.Watermark, series.Pending, series.DataFrom, points)
            {
                Metrics = [.. series.Columns.Select(c => c.Metric).Distinct()],
            });
        }

        return answers;
    }

    private static SeriesPoint Point(SeriesBatch batch, int row, int columns) => new(
        new Instant(batch.TimesMicros[row]),
        batch.ReadingCounts.IsEmpty ? null : batch.ReadingCounts[row],
        batch.IsFilled(row),
        [.. Enumerable.Range(0, columns).Select(c => batch.Column(c)[row])]);
}
