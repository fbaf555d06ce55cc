using System.Runtime.InteropServices;

namespace Tidemark.Series;

/// <summary>
/// What is known of one metric: of the bucket that is being filled, and the last value, which lasts into the next. Times are microseconds.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal struct MetricState
{
    private double _sum;
    private double _count;
    private double _min;
    private double _max;
    private double _first;
    private double _last;
    private bool _hasLast;
    private long _lastTime;
    private double _delta;
    private long _deltaSpan;
    private double _integral;
    private long _covered;

    public static MetricState Empty { get; } = Cleared(default);

    /// <summary>Whether a value lasts from before.</summary>
    public readonly bool HasLast => _hasLast;

    /// <summary>Begins a bucket; the last value stays.</summary>
    public void Clear() => this = Cleared(this);

    /// <summary>Sets the value that lasts into the first bucket.</summary>
    public void Begin(long time, double value) => (_hasLast, _lastTime, _last) = (true, time, value);

    /// <summary>Adds a part of the bucket as an aggregate keeps it.</summary>
    public void Add(double sum, double count, double min, double max)
    {
        if (count > 0)
        {
            _sum += sum;
            _count += count;
            (_min, _max) = (Math.Min(_min, min), Math.Max(_max, max));
        }
    }

    /// <summary>Adds a reading's value, later than those before.</summary>
    /// <param name="time">Of the reading.</param>
    /// <param name="value">No null.</param>
    /// <param name="from">Where the bucket begins.</param>
    public void Add(long time, double value, long from)
    {
        if (_hasLast)
        {
            // A meter that shows less than before was reset, and has counted up from 0 since.
            _delta += Math.Max(0, value >= _last ? value - _last : value);
            _deltaSpan += time - _lastTime;
            Last(from, time);
        }

        if (_count == 0)
        {
            _first = value;
        }

        _sum += value;
        _count++;
        (_min, _max) = (Math.Min(_min, value), Math.Max(_max, value));
        Begin(time, value);
    }

    /// <summary>Lets the last value last through the bucket up to its end.</summary>
    public void Last(long from, long to)
    {
        if (_hasLast && Math.Max(from, _lastTime) is var since && to > since)
        {
            _integral += _last * (to - since);
            _covered += to - since;
        }
    }

    /// <summary>The bucket's value; NaN when there is none.</summary>
    public readonly double Value(SeriesFunction function) => function switch
    {
        SeriesFunction.Count => _count,
        SeriesFunction.Delta => _deltaSpan > 0 ? _delta : double.NaN,
        SeriesFunction.Rate => _deltaSpan > 0 ? _delta / (_deltaSpan / 1e6) : double.NaN,
        SeriesFunction.TimeWeighted => _covered > 0 ? _integral / _covered : double.NaN,
        _ when _count == 0 => double.NaN,
        SeriesFunction.Avg => _sum / _count,
        SeriesFunction.Min => _min,
        SeriesFunction.Max => _max,
        SeriesFunction.First => _first,
        SeriesFunction.Last => _last,
        _ => _sum,
    };

    private static MetricState Cleared(MetricState state) => new()
    {
        _min = double.PositiveInfinity,
        _max = double.NegativeInfinity,
        _first = double.NaN,
        _last = state._last,
        _hasLast = state._hasLast,
        _lastTime = state._lastTime,
    };
}
