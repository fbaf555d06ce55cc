using Tidemark.Configuration;

namespace Tidemark.Ingest.Messages;

/// <summary>
/// Readings of many messages on their way into one batch, which merges with what is stored: two messages may tell different metrics of one
/// instant. Each reading is made by <see cref="Set"/> and ended by <see cref="Add"/>. Not thread-safe.
/// </summary>
/// <param name="schema">What the store has.</param>
/// <param name="options">What is taken in.</param>
/// <param name="clock">What times are held against.</param>
/// <param name="horizon">Readings before it are older than retention.</param>
public sealed class MessageReadings(TelemetrySchema schema, TidemarkOptions options, TimeProvider clock, Instant? horizon)
{
    /// <summary>So many values a reading may have, as in line protocol.</summary>
    public const int MaxMetrics = 1_000;

    private readonly IncomingMetrics _metrics = new(schema, options.NewMetrics, options.MaxMetrics);
    private readonly ReadingValidator _validator
        = new(schema.MetricNames, schema, options.MaxSkew, clock, options.OldestTime, horizon);

    private readonly List<int> _set = [];
    private double[] _values = NaNs(schema.MetricNames.Count);

    public ReadingBatch Batch { get; } = new(schema.MetricNames, 256) { Mode = WriteMode.Merge };

    public TidemarkOptions Options => options;

    public TimeProvider Clock => clock;

    /// <summary>Gives the reading a value.</summary>
    /// <param name="called">The metric, as its sender calls it.</param>
    /// <param name="value">NaN for none.</param>
    public MessageFault? Set(ReadOnlySpan<char> called, double value)
    {
        var metric = _metrics.Find(called);
        if (metric < 0 && _metrics.Add(called, out metric) is { } error)
        {
            return new MessageFault(_metrics.MayGrow ? MessageFault.Name : MessageFault.Reading, error);
        }

        while (Batch.MetricCount < _metrics.Names.Count)
        {
            var name = _metrics.Names[Batch.MetricCount];
            Batch.AddMetric(name);
            _validator.AddMetric(name);
            Array.Resize(ref _values, Batch.MetricCount);
            _values[^1] = double.NaN;
        }

        if (_set.Contains(metric))
        {
            return new MessageFault(
                MessageFault.Payload, $"{_metrics.Names[metric]} stands twice, here as '{Sent.Shorten(called.ToString())}'");
        }

        if (_set.Count == MaxMetrics)
        {
            return new MessageFault(MessageFault.Payload, $"a reading has more than {MaxMetrics} metrics");
        }

        _values[metric] = value;
        _set.Add(metric);
        return null;
    }

    /// <summary>Ends the reading. One without a value is none and is no fault.</summary>
    public MessageFault? Add(string? sensorId, Instant time)
    {
        try
        {
            if (_set.Count == 0)
            {
                return null;
            }

            if (SensorId.Check(sensorId) is { } wrong)
            {
                return new MessageFault(MessageFault.Name, wrong);
            }

            if (_validator.Check(sensorId, time, _values) is { } error)
            {
                return new MessageFault(MessageFault.Reading, error);
            }

            Batch.Add(sensorId!, time, _values);
            return null;
        }
        finally
        {
            Discard();
        }
    }

    /// <summary>Gives up the reading that was begun.</summary>
    public void Discard()
    {
        foreach (var metric in _set)
        {
            _values[metric] = double.NaN;
        }

        _set.Clear();
    }

    private static double[] NaNs(int count)
    {
        var values = new double[count];
        Array.Fill(values, double.NaN);
        return values;
    }
}
