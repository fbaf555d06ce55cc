using Tidemark.Alerts;

namespace Tidemark.Tests.Alerts;

/// <summary>Random readings, late and repeated ones among them, gaps, clocks and restarts, against the naive definition.</summary>
public sealed class AlertRandomTests
{
    private static readonly Instant Start = Instant.Utc(2026, 3, 10, 12);

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Alerts_are_what_the_definitions_say(int seed)
    {
        var random = new Random(seed);
        var rules = Enumerable.Range(0, 5).Select(i => Rule(random, $"rule_{i}", withRates: true)).ToList();
        string[] sensors = ["a", "b", "c"];
        var naive = rules.SelectMany(r => sensors.Select(s => (Rule: r, Sensor: s, Alerts: new NaiveAlerts(r)))).ToList();
        var (evaluation, stored) = (new AlertEvaluation(100), new Dictionary<(string, string), ActiveAlert>());
        evaluation.SetRules(rules, Start);
        var (now, told) = (Start, new Dictionary<(string, string), bool>());
        for (var step = 0; step < 120; step++)
        {
            now += TimeSpan.FromSeconds(random.Next(1, random.Next(2, 300)));
            var changes = new List<AlertChange>();
            if (random.Next(4) > 0)
            {
                var batch = Batch(random, sensors, now);
                for (var row = 0; row < batch.Count; row++)
                {
                    foreach (var (_, _, alerts) in naive.Where(n => n.Sensor == batch.SensorIds[row]))
                    {
                        alerts.Observe(batch[row].Time, batch[row].Values[0]);
                    }
                }

                changes.AddRange(evaluation.Observe(batch, now));
            }

            changes.AddRange(evaluation.Tick(now));
            Keep(evaluation, stored);
            Tell(changes, told);
            foreach (var (rule, sensor, alerts) in naive)
            {
                var (state, firedAt) = alerts.At(now);
                var actual = stored.GetValueOrDefault((rule.Name, sensor));
                Assert.Equal(
                    $"{step} {rule.Expression} {sensor} {state} {firedAt}",
                    $"{step} {rule.Expression} {sensor} {actual?.State ?? AlertState.Inactive} {actual?.FiredAt}");
                Assert.Equal(state == AlertState.Firing, told.GetValueOrDefault((rule.Name, sensor)));
            }

            var states = naive.Select(n => n.Alerts.At(now).State).ToList();
            Assert.Equal(
                (states.Count(s => s == AlertState.Pending), states.Count(s => s == AlertState.Firing)),
                (evaluation.Pending, evaluation.Firing));
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_restart_that_reads_what_was_committed_since_changes_nothing(int seed)
    {
        var random = new Random(seed);
        var rules = Enumerable.Range(0, 4).Select(i => Rule(random, $"rule_{i}")).ToList();
        string[] sensors = ["a", "b"];
        AlertEvaluation through = new(100), restarted = new(100);
        var (expected, actual) = (new Dictionary<(string, string), ActiveAlert>(), new Dictionary<(string, string), ActiveAlert>());
        through.SetRules(rules, Start);
        restarted.SetRules(rules, Start);
        var (now, sinceStored) = (Start, new List<(ReadingBatch Batch, Instant Now)>());
        var last = sensors.ToDictionary(s => s, _ => Instant.MinValue);
        for (var step = 0; step < 120; step++)
        {
            now += TimeSpan.FromSeconds(random.Next(1, 200));
            var batch = Batch(random, sensors, now, last);
            through.Observe(batch, now);
            through.Tick(now);
            restarted.Observe(batch, now);
            restarted.Tick(now);
            sinceStored.Add((batch, now));
            if (random.Next(5) == 0)
            {
                // Killed: what was stored is all that is left, and everything committed since comes again, at once.
                restarted = new AlertEvaluation(100);
                restarted.SetRules(rules, now);
                Assert.Empty(restarted.Load(actual.Values, now));
                foreach (var (again, _) in sinceStored)
                {
                    restarted.Observe(again, now);
                }

                var known = new ReadingBatch([]);
                foreach (var (sensor, time) in last.Where(l => l.Value > Instant.MinValue))
                {
                    known.Add(sensor, time, []);
                }

                restarted.Observe(known, now);
                restarted.Tick(now);
            }

            if (random.Next(3) == 0)
            {
                Keep(through, expected);
                Keep(restarted, actual);
                sinceStored.Clear();
                Assert.Equal(Text(expected), Text(actual));
            }
        }
    }

    private static string Text(Dictionary<(string, string), ActiveAlert> alerts) => string.Join('\n', alerts.Values
        .OrderBy(a => a.Rule, StringComparer.Ordinal).ThenBy(a => a.SensorId, StringComparer.Ordinal)
        .Select(a => $"{a.Rule} {a.SensorId} {a.State} {(IsSilent(a) ? "" : $"{a.ActiveSince} {a.FiredAt} {a.ClearSince}")}"));

    /// <summary>A silence that began and ended while nobody looked is not told, so the next one may be another.</summary>
    private static bool IsSilent(ActiveAlert alert) => alert.Expression.StartsWith("silent", StringComparison.Ordinal);

    private static void Keep(AlertEvaluation evaluation, Dictionary<(string, string), ActiveAlert> stored)
    {
        foreach (var alert in evaluation.TakeStates())
        {
            if (alert.State == AlertState.Inactive)
            {
                stored.Remove((alert.Rule, alert.SensorId));
            }
            else
            {
                stored[(alert.Rule, alert.SensorId)] = alert;
            }
        }
    }

    /// <summary>Each alert fires and is resolved in turn.</summary>
    private static void Tell(IEnumerable<AlertChange> changes, Dictionary<(string, string), bool> told)
    {
        foreach (var change in changes)
        {
            var key = (change.Alert.Rule, change.Alert.SensorId);
            Assert.NotEqual(told.GetValueOrDefault(key), change.Alert.State == AlertState.Firing);
            told[key] = change.Alert.State == AlertState.Firing;
        }
    }

    /// <param name="random">The seed's.</param>
    /// <param name="name">Its name.</param>
    /// <param name="withRates">A restart begins a rate anew, so that it is not what it would have been.</param>
    private static AlertRule Rule(Random random, string name, bool withRates = false)
    {
        var condition = random.Next(withRates ? 5 : 3) switch
        {
            0 => AlertCondition.Silent,
            1 => AlertCondition.Above,
            2 => AlertCondition.Below,
            3 => AlertCondition.RateAbove,
            _ => AlertCondition.RateBelow,
        };
        var isAbove = condition is AlertCondition.Above or AlertCondition.RateAbove;
        var isRate = condition is AlertCondition.RateAbove or AlertCondition.RateBelow;
        var silent = condition == AlertCondition.Silent;
        var threshold = silent ? 0 : random.Next(3, 7);
        var band = random.Next(3);
        return new AlertRule
        {
            Name = name,
            Condition = condition,
            Metric = silent ? null : "temperature",
            Threshold = threshold,
            Clear = silent ? 0 : isAbove ? threshold - band : threshold + band,
            Per = isRate ? TimeSpan.FromMinutes(4) : TimeSpan.Zero,
            Over = isRate && random.Next(2) == 0 ? TimeSpan.FromMinutes(1) : TimeSpan.Zero,
            Silent = silent ? TimeSpan.FromSeconds(random.Next(30, 400)) : TimeSpan.Zero,
            For = silent || random.Next(2) == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(random.Next(1, 400)),
            KeepFiringFor = silent || random.Next(2) == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(random.Next(1, 400)),
        };
    }

    /// <summary>Some readings of some sensors; where the last times are given, none is late.</summary>
    private static ReadingBatch Batch(Random random, string[] sensors, Instant now, Dictionary<string, Instant>? last = null)
    {
        var batch = new ReadingBatch(["temperature"]);
        foreach (var sensor in sensors.Where(_ => random.Next(3) > 0))
        {
            var times = Enumerable.Range(0, random.Next(1, 4)).Select(_ => now - TimeSpan.FromSeconds(random.Next(0, random.Next(1, 400))));
            foreach (var time in times.Order().Where(t => last is null || t > last[sensor]).ToList())
            {
                batch.Add(sensor, time, [last is null && random.Next(10) == 0 ? double.NaN : random.Next(0, 10)]);
                last?[sensor] = time;
            }
        }

        return batch;
    }
}
