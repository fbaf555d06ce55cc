using System.Buffers;

namespace Tidemark.Server.Live;

/// <summary>Who listens to the same: the same sensors and metrics. What a commit brings them is gathered here, and sent to each.</summary>
internal sealed class LiveAudience(SensorSelection sensors, IReadOnlyList<string>? metrics)
{
    // What one large commit took is not kept.
    private const int MostKept = 64 << 10;

    private ArrayBufferWriter<byte> _events = new();
    private int _runsLeft;
    private int _mostOfRun;
    private long _readings;
    private long _missed;

    public SensorSelection Sensors { get; } = sensors;

    public IReadOnlyList<string>? Metrics { get; } = metrics;

    /// <summary>The same for the same metrics.</summary>
    public string MetricsKey { get; } = metrics is null ? "" : string.Join(',', metrics);

    public List<LiveListener> Listeners { get; } = [];

    /// <summary>How many of the commit's sensors are heard. It is counted before anything is added.</summary>
    public int Runs { get; set; }

    /// <summary>
    /// Where the rows of the next sensor begin that are sent: of a large commit, the newest readings of each of its last sensors.
    /// </summary>
    /// <param name="first">The sensor's first row.</param>
    /// <param name="end">Behind its last one: then none is sent.</param>
    /// <param name="most">How many are sent of a commit; the others count as missed.</param>
    public int FirstOf(int first, int end, int most)
    {
        if (_runsLeft == 0)
        {
            (_runsLeft, _mostOfRun) = (Runs, Math.Max(1, most / Runs));
        }

        var sent = _runsLeft-- > most ? end : Math.Max(first, end - _mostOfRun);
        _missed += sent - first;
        return sent;
    }

    public void Add(ReadOnlySpan<byte> events, int readings)
    {
        if (readings == 0)
        {
            return;
        }

        _events.Write(_readings == 0 ? [] : EventStream.End);
        _events.Write(events);
        _readings += readings;
    }

    /// <summary>Ends the commit.</summary>
    /// <param name="id">What the last event ends with.</param>
    /// <param name="missed">How many readings before it the store no longer has; null when that isn't known.</param>
    public void Send(ReadOnlySpan<byte> id, long? missed)
    {
        if (_readings > 0)
        {
            _events.Write(id);
        }

        if (_readings > 0 || _missed > 0 || missed != 0)
        {
            foreach (var listener in Listeners)
            {
                listener.Add(_events.WrittenSpan, _readings, missed + _missed);
            }
        }

        (Runs, _readings, _missed) = (0, 0, 0);
        _events.ResetWrittenCount();
        if (_events.Capacity > MostKept)
        {
            _events = new ArrayBufferWriter<byte>();
        }
    }
}
