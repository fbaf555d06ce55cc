namespace Tidemark.Series;

/// <summary>Which sensors a question names: ids, and beginnings of ids followed by <c>*</c>.</summary>
internal static class SensorPatterns
{
    /// <summary>Each sensor once, in the question's order, those of a pattern ascending.</summary>
    /// <exception cref="StoreException">A sensor is unknown, or they are too many.</exception>
    public static async Task<IReadOnlyList<string>> ResolveAsync(
        ITelemetryStore store,
        IReadOnlyList<string> patterns,
        CancellationToken cancellationToken)
    {
        var known = new List<string>();
        if (patterns.Any(IsPattern))
        {
            await foreach (var sensor in store.ReadSensorsAsync(cancellationToken))
            {
                known.Add(sensor.SensorId);
            }
        }

        List<string> sensors =
        [
            .. patterns.SelectMany(p => IsPattern(p) ? known.Where(id => id.StartsWith(p[..^1], StringComparison.Ordinal)) : [p])
                .Distinct(StringComparer.Ordinal).Take(SeriesQuery.MostSensors + 1),
        ];
        if (sensors.Count > SeriesQuery.MostSensors)
        {
            throw new StoreException(
                StoreErrorKind.Invalid,
                $"the sensors are more than {SeriesQuery.MostSensors}; name fewer, or a longer beginning before the *");
        }

        // Whoever reads one sensor's series learns by that whether it exists.
        foreach (var id in sensors.Count > 1 ? sensors.Except(known, StringComparer.Ordinal) : [])
        {
            await store.ReadCurrentAsync(id, cancellationToken);
        }

        return sensors;
    }

    private static bool IsPattern(string text) => text.EndsWith('*');
}
