namespace Tidemark.Alerts;

/// <summary>The state of one rule for one sensor.</summary>
internal sealed class AlertInstance(AlertRule rule, string sensorId)
{
    private Instant _baseTime = Instant.MinValue;
    private double _baseValue = double.NaN;

    public AlertRule Rule { get; set; } = rule;

    public string SensorId => sensorId;

    public AlertState State { get; private set; }

    public Instant ActiveSince { get; private set; }

    public Instant FiredAt { get; private set; }

    public Instant? ClearSince { get; private set; }

    /// <summary>The reading that was looked at last.</summary>
    public Instant LastTime { get; private set; } = Instant.MinValue;

    public double Value { get; private set; } = double.NaN;

    /// <summary>Whether it waits among the deadlines of silence.</summary>
    public bool Waits { get; set; }

    /// <summary>When a sensor will have been silent for too long.</summary>
    public Instant Deadline => LastTime + Rule.Silent;

    /// <summary>Whether the condition is met now, as far as is known.</summary>
    public bool IsMet => State == AlertState.Pending || (State == AlertState.Firing && ClearSince is null);

    /// <summary>As it is now, inactive too.</summary>
    public ActiveAlert Alert => new(
        Rule.Name, sensorId, State, Rule.Severity, Rule.Expression, Rule.Summary, ActiveSince,
        State == AlertState.Pending ? null : FiredAt, ClearSince, LastTime, double.IsNaN(Value) ? null : Value);

    /// <summary>What is another one after a change that has to be kept.</summary>
    public (AlertState State, Instant ActiveSince, Instant? ClearSince) Mark => (State, ActiveSince, ClearSince);

    public void Restore(ActiveAlert alert)
    {
        (State, ActiveSince, FiredAt, ClearSince) = (alert.State, alert.ActiveSince, alert.FiredAt ?? alert.ActiveSince, alert.ClearSince);
        (LastTime, Value) = (alert.LastTime, alert.Value ?? double.NaN);
    }

    /// <summary>Looks at a value; one of the same time as the last one replaces it.</summary>
    /// <returns>Whether it came too late although it says otherwise than the state.</returns>
    public bool Observe(Instant time, double value)
    {
        if (time < LastTime)
        {
            return Rule.IsRate || Rule.IsMet(value, State == AlertState.Firing) != IsMet;
        }

        if (Rule.IsRate)
        {
            return ObserveRate(time, value);
        }

        (LastTime, Value) = (time, value);
        Step(time, Rule.IsMet(value, State == AlertState.Firing));
        return false;
    }

    /// <summary>Looks at a reading of a sensor that may have been silent.</summary>
    public void Hear(Instant time, Instant now)
    {
        if (time >= LastTime)
        {
            LastTime = time;
            if (now <= Deadline)
            {
                Step(time, isMet: false);
            }
        }
    }

    /// <summary>Notes that a sensor is silent.</summary>
    public void Miss() => Step(Deadline, isMet: true);

    /// <summary>Ends an alert that no reading ends.</summary>
    public void Reset() => State = AlertState.Inactive;

    private bool ObserveRate(Instant time, double value)
    {
        if (!double.IsNaN(_baseValue) && (time == LastTime || time - _baseTime < Rule.Over))
        {
            return false;
        }

        if (!double.IsNaN(_baseValue))
        {
            // Values at the ends of what doubles hold are further apart than that.
            var rate = (value - _baseValue) * (Rule.Per / (time - _baseTime));
            Value = Math.Clamp(rate, double.MinValue, double.MaxValue);
            Step(time, Rule.IsMet(Value, State == AlertState.Firing));
        }

        (_baseTime, _baseValue, LastTime) = (time, value, time);
        return false;
    }

    private void Step(Instant time, bool isMet)
    {
        if (State == AlertState.Inactive && isMet)
        {
            (State, ActiveSince, ClearSince) = (AlertState.Pending, time, null);
        }

        switch (State)
        {
            case AlertState.Pending when !isMet:
                State = AlertState.Inactive;
                break;
            case AlertState.Pending when time - ActiveSince >= Rule.For:
                (State, FiredAt) = (AlertState.Firing, time);
                break;
            case AlertState.Firing when isMet:
                ClearSince = null;
                break;
            case AlertState.Firing:
                ClearSince ??= time;
                State = time - ClearSince >= Rule.KeepFiringFor ? AlertState.Inactive : AlertState.Firing;
                break;
        }
    }
}
