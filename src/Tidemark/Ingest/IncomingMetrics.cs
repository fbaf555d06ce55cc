namespace Tidemark.Ingest;

/// <summary>
/// The metrics of readings on their way to a store: those that it has, then those that the readings bring, each found by what its sender
/// calls it. Not thread-safe.
/// </summary>
/// <param name="schema">What the store has.</param>
/// <param name="newMetrics">What becomes of others.</param>
/// <param name="max">How many there may be in all.</param>
public sealed class IncomingMetrics(TelemetrySchema schema, NewMetrics newMetrics, int max)
{
    // What senders call them is kept up to so many names: they may send ever others.
    private const int MostCalled = 4096;

    private readonly List<string> _names = [.. schema.MetricNames];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _places = schema.MetricNames.Index()
        .ToDictionary(m => m.Item, m => m.Index, StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>In the order of a reading's values; more may come with the next reading.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>Whether the store may gain metrics.</summary>
    public bool MayGrow => newMetrics is NewMetrics.Add;

    /// <summary>Whether the configuration declares a metric.</summary>
    public bool IsConfigured(int place) => place < schema.Metrics.Count && schema.Metrics[place].IsConfigured;

    /// <returns>−1 when no metric is called so yet.</returns>
    public int Find(ReadOnlySpan<char> called) => _places.TryGetValue(called, out var place) ? place : -1;

    /// <summary>Takes a name that <see cref="Find"/> does not know: it may be another one of a metric that is there.</summary>
    /// <returns>Null, or one line that says why there can't be such a metric.</returns>
    public string? Add(ReadOnlySpan<char> called, out int place)
    {
        place = -1;
        if (!MayGrow)
        {
            return NewMetric.Refused(Sent.Shorten(called.ToString()), schema);
        }

        if (MetricName.From(called) is not { } name)
        {
            return $"'{Sent.Shorten(called.ToString())}' can't be made the name of a metric: {MetricName.Form}";
        }

        place = Find(name);
        if (place < 0 && _names.Count >= max)
        {
            return NewMetric.TooMany(name);
        }

        if (place < 0)
        {
            place = _names.Count;
            _names.Add(name);
            _places[name] = place;
        }

        if (_places.Dictionary.Count < MostCalled)
        {
            _places[called] = place;
        }

        return null;
    }
}
