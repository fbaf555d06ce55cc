using Tidemark.Alerts;

namespace Tidemark.Tests.Alerts;

/// <summary>
/// What a rule's alert for one sensor is, worked out anew from all that was ever heard: slow, and written from the definitions of
/// docs/alerts.md rather than as a machine of states.
/// </summary>
internal sealed class NaiveAlerts(AlertRule rule)
{
    private readonly List<(Instant Time, double Value)> _readings = [];
    private Instant _heard = Instant.MinValue;
    private Instant? _silentSince;
    private (Instant Time, double Value)? _base;

    public void Observe(Instant time, double value)
    {
        if (rule.Condition == AlertCondition.Silent)
        {
            _heard = Instant.Max(_heard, time);
            _readings.Add((time, 0));
            return;
        }

        if (rule.IsRate && !double.IsNaN(value))
        {
            ObserveRate(time, value);
            return;
        }

        if (double.IsNaN(value) || (_readings.Count > 0 && time < _readings[^1].Time))
        {
            return;
        }

        _readings.Add((time, value));
    }

    /// <summary>Pending or firing now, and when it fired. To be asked as often as the clock is looked at.</summary>
    public (AlertState State, Instant? FiredAt) At(Instant now)
    {
        if (rule.Condition == AlertCondition.Silent)
        {
            // It stays the same silence while all that is heard is too old to end it.
            _silentSince = _readings.Count > 0 && now - _heard > rule.Silent ? _silentSince ?? _heard + rule.Silent : null;
            return (_silentSince is null ? AlertState.Inactive : AlertState.Firing, _silentSince);
        }

        // From one end of an alert to the next: begin at the first reading that meets the condition, and look how far that goes.
        var next = 0;
        while (next < _readings.Count)
        {
            var begin = _readings.FindIndex(next, r => Beyond(r.Value, rule.Threshold));
            if (begin < 0)
            {
                break;
            }

            var broken = _readings.FindIndex(begin, r => !Beyond(r.Value, rule.Threshold));
            var held = _readings.FindIndex(begin, r => r.Time - _readings[begin].Time >= rule.For);
            if (held < 0 || (broken >= 0 && broken <= held))
            {
                if (broken < 0)
                {
                    return (AlertState.Pending, null);
                }

                next = broken + 1;
                continue;
            }

            if (EndOf(held) is not { } end)
            {
                return (AlertState.Firing, _readings[held].Time);
            }

            next = end + 1;
        }

        return (AlertState.Inactive, null);
    }

    /// <summary>Of rates, each is a reading of its own.</summary>
    private void ObserveRate(Instant time, double value)
    {
        if (_base is { } from)
        {
            if (time <= from.Time || time - from.Time < rule.Over)
            {
                return;
            }

            _readings.Add((time, (value - from.Value) / (time - from.Time).TotalSeconds * rule.Per.TotalSeconds));
        }

        _base = (time, value);
    }

    /// <summary>The first reading that ends a run of cleared ones which is long enough.</summary>
    private int? EndOf(int fired)
    {
        for (var last = fired + 1; last < _readings.Count; last++)
        {
            var first = last;
            while (first > fired && !Beyond(_readings[first].Value, rule.Clear))
            {
                first--;
            }

            if (first < last && _readings[last].Time - _readings[first + 1].Time >= rule.KeepFiringFor)
            {
                return last;
            }
        }

        return null;
    }

    private bool Beyond(double value, double threshold)
        => rule.Condition is AlertCondition.Above or AlertCondition.RateAbove ? value > threshold : value < threshold;
}
