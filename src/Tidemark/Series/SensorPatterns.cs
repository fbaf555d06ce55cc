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
        var (known, selections) = (new List<string>(), patterns.Select(Parse).ToList());
        if (!selections.TrueForAll(s => s.IsOfIds))
        {
            await foreach (var sensor in store.ReadSensorsAsync(cancellationToken))
            {
                known.Add(sensor.SensorId);
            }
        }

        List<string> sensors =
        [
            .. selections.SelectMany(s => s.IsOfIds ? s.Ids : known.Where(s.Matches))
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

    private static SensorSelection Parse(string pattern)
        => SensorSelection.TryParse(pattern, out var selection, out var error)
            ? selection
            : throw new StoreException(StoreErrorKind.Invalid, error);
}
