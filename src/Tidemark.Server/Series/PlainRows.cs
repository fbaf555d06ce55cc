using Tidemark.Series;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Series;

/// <summary>The rows of an endpoint of one sensor, of a series where it is asked for more than what is stored.</summary>
internal static class PlainRows
{
    /// <param name="answer">In which rows have begun.</param>
    /// <param name="series">Its columns are the rows' members.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    public static async ValueTask WriteAsync(SeriesAnswer answer, SensorSeries series, CancellationToken cancellationToken)
    {
        answer.BeginRows([.. series.Columns.Select(c => c.Name), Names.ReadingCount]);
        await foreach (var batch in series.Batches.WithCancellation(cancellationToken))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                if (!answer.TryBeginRow(new Instant(batch.TimesMicros[row])))
                {
                    return;
                }

                for (var c = 0; c < series.Columns.Count; c++)
                {
                    answer.Rows.Add(batch.Column(c)[row]);
                }

                if (!batch.ReadingCounts.IsEmpty)
                {
                    answer.Rows.Add(batch.ReadingCounts[row]);
                }

                answer.Rows.EndRow();
                await answer.FlushIfFullAsync(cancellationToken);
            }
        }
    }
}
