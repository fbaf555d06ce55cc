using System.Globalization;

namespace Tidemark.Series;

/// <summary>What an answer may cost.</summary>
internal sealed class SeriesBounds(ITelemetryStore store, SeriesQuery query)
{
    /// <summary>Readings of a sensor that are read where the question leaves the source open.</summary>
    public const int MostChosen = 100_000;

    /// <summary>Buckets of a sensor, those without readings too.</summary>
    public const int MostBuckets = 1_000_000;

    /// <summary>Values of a sensor that are in memory at once: those of lines whose other end isn't known yet, or of a chart.</summary>
    public const int MostValues = 2_000_000;

    /// <summary>Values of readings that are downsampled.</summary>
    public const int MostDownsampled = 500_000;

    private long? _readings;

    /// <summary>How many columns a sensor's answer has at most.</summary>
    public int Columns => (query.Metrics ?? store.Schema.MetricNames).Count * query.Functions.Count;

    /// <returns>What is wrong with a plan; null when nothing is.</returns>
    public async Task<string?> CheckAsync(SeriesPlan plan, IReadOnlyList<string> sensorIds, CancellationToken cancellationToken)
    {
        if (plan.Width is { } width && (query.Fill != SeriesFill.None || query.Functions.Contains(SeriesFunction.TimeWeighted)))
        {
            var count = new BucketSelection(query, width).Count;
            var most = query.Fill == SeriesFill.Linear ? MostValues / Columns : MostBuckets;
            if (count > most)
            {
                return $"the answer would have about {Number(count)} buckets of a sensor, more than {Number(most)}; ask for wider buckets "
                    + "or a shorter range";
            }
        }

        if (plan.Source is null && (plan.Width is not null || query.Downsampling != Downsampling.None))
        {
            _readings ??= await CountAsync(plan.Width, sensorIds, cancellationToken);
            if (_readings > query.MostReadings)
            {
                return $"the answer would be made of more than {Number(query.MostReadings)} readings; ask for a shorter range, fewer "
                    + "sensors, or what aggregates keep: avg, min, max, count and sum of buckets that theirs divide";
            }
        }

        return null;
    }

    /// <summary>Whether none of the sensors has more readings in the range.</summary>
    public async Task<bool> HaveAtMostAsync(int most, IReadOnlyList<string> sensorIds, CancellationToken cancellationToken)
    {
        foreach (var id in sensorIds)
        {
            var count = 0;
            var any = new RawQuery(id, query.Range) { Metrics = [query.Metrics?.FirstOrDefault() ?? store.Schema.MetricNames[0]] };
            await foreach (var batch in store.ReadRawAsync(any, cancellationToken))
            {
                if ((count += batch.Count) > most)
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>How many readings a plan reads, until they are too many, by an aggregate that tells it in few rows.</summary>
    private async Task<long> CountAsync(BucketWidth? width, IReadOnlyList<string> sensorIds, CancellationToken cancellationToken)
    {
        var range = query.Range with { To = Instant.Min(query.Range.To, query.Now + TimeSpan.FromDays(1)) };
        if (width is { } buckets && query.Functions.Any(f => f.LooksBack))
        {
            range = range with { From = range.From - new BucketSelection(query, buckets).Lookback };
        }

        var aggregate = store.Schema.Aggregates.Where(a => a.Bucket.Approximate * 8 <= range.To - range.From)
            .MaxBy(a => a.Bucket.Approximate) ?? store.Schema.Finest;
        var count = 0L;
        foreach (var id in sensorIds)
        {
            var question = new AggregateQuery(aggregate.Name, id, range with { From = aggregate.Bucket.Floor(range.From) })
            {
                Metrics = [query.Metrics?.FirstOrDefault() ?? store.Schema.MetricNames[0]],
            };
            await using var reader = await store.ReadAggregateAsync(question, cancellationToken);
            await foreach (var batch in reader.Rows.WithCancellation(cancellationToken))
            {
                for (var row = 0; row < batch.Count; row++)
                {
                    count += batch.ReadingCount(row);
                }

                if (count > query.MostReadings)
                {
                    return count;
                }
            }
        }

        return count;
    }

    private static string Number(double number) => number.ToString("#,0", CultureInfo.InvariantCulture);
}
