namespace Tidemark.Series;

public static class SeriesReads
{
    /// <summary>
    /// Opens an answer to a question about several sensors: what it is made of is decided, and the first sensor's read is open.
    /// </summary>
    /// <exception cref="StoreException"><see cref="StoreErrorKind.UnknownSensor"/>, or <see cref="StoreErrorKind.Invalid"/> for an
    /// unknown metric and for what would need more than the bounds allow.</exception>
    public static async Task<SeriesReader> ReadSeriesAsync(
        this ITelemetryStore store,
        SeriesQuery query,
        CancellationToken cancellationToken)
    {
        if (query.Faults().FirstOrDefault() is { } fault)
        {
            throw new StoreException(StoreErrorKind.Invalid, fault);
        }

        var sensors = await SensorPatterns.ResolveAsync(store, query.Sensors, cancellationToken);
        return await new SeriesPlanner(store, query).OpenAsync(sensors, cancellationToken);
    }
}
