namespace Tidemark.Series;

/// <summary>The last value of each metric before an instant.</summary>
internal static class LastValues
{
    private static readonly TimeSpan FirstStep = TimeSpan.FromHours(1);

    /// <summary>Looks back in steps that grow, since most sensors sent something lately.</summary>
    /// <returns>By metric; null where there is none.</returns>
    public static async Task<(Instant Time, double Value)?[]> ReadAsync(
        ITelemetryStore store,
        string sensorId,
        IReadOnlyList<string> metrics,
        TimeRange lookback,
        CancellationToken cancellationToken)
    {
        var found = new (Instant, double)?[metrics.Count];
        var step = FirstStep;
        for (var to = lookback.To; to > lookback.From && Array.IndexOf(found, null) >= 0; step *= 4)
        {
            var from = Instant.Max(lookback.From, to - step);
            int[] missing = [.. Enumerable.Range(0, found.Length).Where(m => found[m] is null)];
            var query = new RawQuery(sensorId, new TimeRange(from, to)) { Metrics = [.. missing.Select(m => metrics[m])] };
            await foreach (var batch in store.ReadRawAsync(query, cancellationToken))
            {
                for (var i = 0; i < missing.Length; i++)
                {
                    var row = batch.Metric(i).LastIndexOfAnyExcept(double.NaN);
                    if (row >= 0)
                    {
                        found[missing[i]] = (new Instant(batch.TimesMicros[row]), batch.Metric(i)[row]);
                    }
                }
            }

            to = from;
        }

        return found;
    }
}
