namespace Tidemark.Alerts;

/// <summary>
/// Evaluates rules as readings come in: the same rules, readings and times give the same alerts. Not thread-safe.
/// </summary>
/// <param name="maxInstances">The most pairs of a rule and a sensor that are evaluated.</param>
public sealed class AlertEvaluation(int maxInstances)
{
    public const string RuleRemoved = "the rule was removed, or no longer is for this sensor";
    public const string RuleChanged = "the rule was changed";

    private readonly Dictionary<string, AlertInstance[]> _sensors = new(StringComparer.Ordinal);
    private readonly PriorityQueue<AlertInstance, Instant> _deadlines = new();
    private readonly HashSet<AlertInstance> _touched = [];
    private readonly List<AlertChange> _changes = [];
    private readonly Dictionary<string, int> _columns = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Rule, string SensorId), ActiveAlert> _gone = [];
    private readonly int[] _counts = new int[Enum.GetValues<AlertState>().Length];
    private AlertRule[] _rules = [];

    public IReadOnlyList<AlertRule> Rules => _rules;

    /// <summary>How many pairs of a rule and a sensor are evaluated.</summary>
    public int Instances => _counts.Sum();

    public int Pending => _counts[(int)AlertState.Pending];

    public int Firing => _counts[(int)AlertState.Firing];

    /// <summary>Pairs of a rule and a sensor beyond the most that are evaluated.</summary>
    public long NotEvaluated { get; private set; }

    /// <summary>Readings that came after a later one of their sensor, changed nothing, and say otherwise than the state.</summary>
    public long Late { get; private set; }

    /// <summary>Takes other rules. States go on where a rule says the same as before, for sensors that it still is for.</summary>
    public IReadOnlyList<AlertChange> SetRules(IReadOnlyList<AlertRule> rules, Instant now)
    {
        _rules = [.. rules];
        _deadlines.Clear();
        Array.Clear(_counts);
        NotEvaluated = 0;
        foreach (var (sensor, before) in _sensors.ToList())
        {
            var after = Create(sensor, before);
            _sensors[sensor] = after;
            foreach (var instance in before.Except(after))
            {
                _touched.Remove(instance);
                Drop(instance.Alert, now);
            }
        }

        return TakeChanges();
    }

    /// <summary>Takes up alerts that were pending or firing when they were stored.</summary>
    public IReadOnlyList<AlertChange> Load(IEnumerable<ActiveAlert> alerts, Instant now)
    {
        foreach (var alert in alerts)
        {
            var instance = InstancesOf(alert.SensorId).FirstOrDefault(i => i.Rule.Name == alert.Rule);
            if (instance is null || instance.Rule.Expression != alert.Expression)
            {
                Drop(alert, now);
                continue;
            }

            _counts[(int)instance.State]--;
            instance.Restore(alert);
            _counts[(int)instance.State]++;
            Wait(instance);
            if (instance.Alert != alert)
            {
                _touched.Add(instance);
            }
        }

        return TakeChanges();
    }

    /// <summary>Looks at committed readings.</summary>
    /// <param name="readings">Of any metrics, each sensor's by time. One that was looked at before changes nothing.</param>
    /// <param name="now">What silence is measured by.</param>
    public IReadOnlyList<AlertChange> Observe(ReadingBatch readings, Instant now)
    {
        _columns.Clear();
        for (var row = 0; row < readings.Count; row++)
        {
            var time = new Instant(readings.TimesMicros[row]);
            foreach (var instance in InstancesOf(readings.SensorIds[row]))
            {
                if (instance.Rule.Metric is not { } metric)
                {
                    Hear(instance, time, now);
                }
                else if (ColumnOf(metric, readings) is var column and >= 0 && double.IsFinite(readings.Metric(column)[row]))
                {
                    Look(instance, time, readings.Metric(column)[row]);
                }
            }
        }

        return TakeChanges();
    }

    /// <summary>Finds sensors that have been silent for too long.</summary>
    public IReadOnlyList<AlertChange> Tick(Instant now)
    {
        while (_deadlines.TryPeek(out var instance, out var noted) && noted < now)
        {
            _deadlines.Dequeue();
            instance.Waits = false;
            if (instance.Deadline >= now)
            {
                Wait(instance);
                continue;
            }

            var before = instance.Mark;
            instance.Miss();
            Note(instance, before, instance.Deadline);
        }

        return TakeChanges();
    }

    /// <summary>What became another since it was last asked, each once: alerts to keep, and inactive ones, to be forgotten.</summary>
    public IReadOnlyList<ActiveAlert> TakeStates()
    {
        var states = _gone.Values.Concat(_touched.Select(i => i.Alert)).ToList();
        _gone.Clear();
        _touched.Clear();
        return states;
    }

    private int ColumnOf(string metric, ReadingBatch readings)
    {
        if (!_columns.TryGetValue(metric, out var column))
        {
            _columns[metric] = column = readings.MetricIndex(metric);
        }

        return column;
    }

    private void Hear(AlertInstance instance, Instant time, Instant now)
    {
        var before = instance.Mark;
        instance.Hear(time, now);
        Note(instance, before, time);
        Wait(instance);
    }

    private void Look(AlertInstance instance, Instant time, double value)
    {
        var before = instance.Mark;
        if (instance.Observe(time, value))
        {
            Late++;
        }

        Note(instance, before, time);
    }

    private void Note(AlertInstance instance, (AlertState State, Instant ActiveSince, Instant? ClearSince) before, Instant at)
    {
        if (instance.Mark == before)
        {
            return;
        }

        _counts[(int)before.State]--;
        _counts[(int)instance.State]++;
        _touched.Add(instance);
        if ((before.State == AlertState.Firing) != (instance.State == AlertState.Firing))
        {
            _changes.Add(new AlertChange(instance.Alert, at, instance.Rule.Notify));
        }
    }

    /// <summary>Ends an alert that no reading ends.</summary>
    private void Drop(ActiveAlert alert, Instant now)
    {
        if (alert.State == AlertState.Inactive)
        {
            return;
        }

        var ended = alert with { State = AlertState.Inactive };
        _gone[(alert.Rule, alert.SensorId)] = ended;
        if (alert.State == AlertState.Firing)
        {
            var rule = _rules.FirstOrDefault(r => r.Name == alert.Rule);
            var isChanged = rule is not null && rule.Expression != alert.Expression;
            _changes.Add(new AlertChange(ended, now, rule?.Notify, isChanged ? RuleChanged : RuleRemoved));
        }
    }

    private AlertInstance[] InstancesOf(string sensorId)
    {
        if (!_sensors.TryGetValue(sensorId, out var instances))
        {
            _sensors[sensorId] = instances = Create(sensorId, []);
        }

        return instances;
    }

    private AlertInstance[] Create(string sensorId, AlertInstance[] before)
    {
        var instances = new List<AlertInstance>();
        foreach (var rule in _rules.Where(r => r.IsFor(sensorId)))
        {
            if (Instances >= maxInstances)
            {
                NotEvaluated++;
                continue;
            }

            var instance = before.FirstOrDefault(i => i.Rule.Name == rule.Name && i.Rule.Expression == rule.Expression)
                ?? new AlertInstance(rule, sensorId);
            if (instance.State != AlertState.Inactive && (instance.Rule.Severity, instance.Rule.Summary) != (rule.Severity, rule.Summary))
            {
                _touched.Add(instance);
            }

            instance.Rule = rule;
            instance.Waits = false;
            _counts[(int)instance.State]++;
            instances.Add(instance);
            if (instance.LastTime > Instant.MinValue)
            {
                Wait(instance);
            }
        }

        return instances.Count == 0 ? [] : [.. instances];
    }

    private void Wait(AlertInstance instance)
    {
        if (instance.Rule.Condition == AlertCondition.Silent && !instance.Waits && !instance.IsMet)
        {
            instance.Waits = true;
            _deadlines.Enqueue(instance, instance.Deadline);
        }
    }

    private List<AlertChange> TakeChanges()
    {
        var changes = _changes.ToList();
        _changes.Clear();
        return changes;
    }
}
