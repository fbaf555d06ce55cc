using Tidemark.Alerts;

namespace Tidemark.Tests.Alerts;

public sealed class AlertEvaluationTests
{
    private static readonly Instant Start = Instant.Utc(2026, 3, 10, 12);
    private static readonly AlertRule Hot
        = new() { Name = "hot", Condition = AlertCondition.Above, Metric = "t", Threshold = 30, Clear = 28 };

    private static ReadingBatch Batch(params (string Sensor, int Seconds, double Value)[] readings)
    {
        var batch = new ReadingBatch(["other", "t"]);
        foreach (var (sensor, seconds, value) in readings)
        {
            batch.Add(sensor, Start + TimeSpan.FromSeconds(seconds), [99, value]);
        }

        return batch;
    }

    private static string Text(IEnumerable<AlertChange> changes) => string.Join("; ", changes.Select(c
        => $"{c.Alert.Rule} {c.Alert.SensorId} {c.Alert.State} at {(c.At - Start).TotalSeconds:0} {c.Reason}".TrimEnd()));

    private static AlertEvaluation Begin(params AlertRule[] rules)
    {
        var evaluation = new AlertEvaluation(10);
        evaluation.SetRules(rules, Start);
        return evaluation;
    }

    [Fact]
    public void It_fires_above_the_threshold_and_is_resolved_where_it_clears()
    {
        var evaluation = Begin(Hot);
        Assert.Equal("", Text(evaluation.Observe(Batch(("a", 0, 30), ("a", 1, double.NaN)), Start)));
        Assert.Equal("hot a Firing at 2", Text(evaluation.Observe(Batch(("a", 2, 30.1), ("a", 3, 28.1)), Start)));
        Assert.Equal("hot a Inactive at 4", Text(evaluation.Observe(Batch(("a", 4, 28)), Start)));
        Assert.Equal(
            "hot a Firing at 5; hot a Inactive at 6; hot a Firing at 7",
            Text(evaluation.Observe(Batch(("a", 5, 31), ("a", 6, 20), ("a", 7, 31)), Start)));
    }

    [Fact]
    public void Values_at_the_ends_of_what_a_double_holds_have_a_rate()
    {
        var evaluation = Begin(
            new AlertRule { Name = "r", Condition = AlertCondition.RateAbove, Metric = "t", Threshold = 1, Per = TimeSpan.FromDays(1) });
        Assert.Equal("", Text(evaluation.Observe(Batch(("a", 0, -1e308), ("a", 1, double.PositiveInfinity)), Start)));
        Assert.Equal("r a Firing at 2", Text(evaluation.Observe(Batch(("a", 2, 1e308)), Start)));
        Assert.Equal(double.MaxValue, evaluation.TakeStates().Single().Value);
    }

    [Fact]
    public void The_same_again_changes_nothing_and_another_value_of_that_time_does()
    {
        var evaluation = Begin(Hot);
        evaluation.Observe(Batch(("a", 1, 31)), Start);
        Assert.Single(evaluation.TakeStates());
        Assert.Equal("", Text(evaluation.Observe(Batch(("a", 1, 31)), Start)));
        Assert.Empty(evaluation.TakeStates());
        Assert.Equal("hot a Inactive at 1", Text(evaluation.Observe(Batch(("a", 1, 20)), Start)));
        Assert.Equal(0, evaluation.Late);
    }

    [Fact]
    public void Other_rules_keep_the_states_that_they_say_the_same_of()
    {
        var other = new AlertRule { Name = "other", Condition = AlertCondition.Above, Metric = "other", Threshold = 1, Clear = 1 };
        var evaluation = Begin(Hot, other);
        evaluation.Observe(Batch(("a", 1, 31), ("b", 1, 31)), Start);
        Assert.Equal((4, 4), (evaluation.Instances, evaluation.Firing));
        evaluation.TakeStates();
        Assert.Equal("", Text(evaluation.SetRules([other, Hot with { Summary = "x", Severity = AlertSeverity.Critical }], Start)));
        Assert.Equal(
            ["a Critical x", "b Critical x"], evaluation.TakeStates().Select(a => $"{a.SensorId} {a.Severity} {a.Summary}").Order());
        Assert.Equal("hot b Inactive at 2 " + AlertEvaluation.RuleRemoved, Text(evaluation.SetRules(
            [other, Hot with { Except = SensorSelection.Of("b") }], Start + TimeSpan.FromSeconds(2))));
        Assert.Equal("hot a Inactive at 3 " + AlertEvaluation.RuleChanged, Text(evaluation.SetRules(
            [other, Hot with { For = TimeSpan.FromSeconds(1) }], Start + TimeSpan.FromSeconds(3))));
        Assert.Equal(
            $"other a Inactive at 4 {AlertEvaluation.RuleRemoved}; other b Inactive at 4 {AlertEvaluation.RuleRemoved}",
            Text(evaluation.SetRules([], Start + TimeSpan.FromSeconds(4)).OrderBy(c => c.Alert.SensorId)));
        Assert.Equal((0, 0), (evaluation.Instances, evaluation.Firing));

        // What changed before the rules did in the same turn is gone too.
        Assert.All(evaluation.TakeStates(), alert => Assert.Equal(AlertState.Inactive, alert.State));
    }

    [Fact]
    public void Alerts_that_no_rule_speaks_of_any_more_are_resolved_when_they_are_taken_up()
    {
        var before = Begin(Hot, Hot with { Name = "gone" }, Hot with { Name = "waits", For = TimeSpan.FromHours(1) });
        before.Observe(Batch(("a", 1, 31)), Start);
        var after = Begin(Hot with { Threshold = 29 }, Hot with { Name = "waits", For = TimeSpan.FromHours(1) });
        Assert.Equal(
            $"gone a Inactive at 5 {AlertEvaluation.RuleRemoved}; hot a Inactive at 5 {AlertEvaluation.RuleChanged}",
            Text(after.Load(before.TakeStates(), Start + TimeSpan.FromSeconds(5)).OrderBy(c => c.Alert.Rule)));
        Assert.Equal((1, 0), (after.Pending, after.Firing));
        Assert.Equal(["gone", "hot"], after.TakeStates().Select(a => a.Rule).Order());
    }

    [Fact]
    public void Sensors_beyond_the_most_are_not_evaluated()
    {
        var evaluation = new AlertEvaluation(3);
        evaluation.SetRules([Hot, Hot with { Name = "hot_too" }], Start);
        Assert.Equal(
            "hot a Firing at 0; hot_too a Firing at 0; hot b Firing at 0",
            Text(evaluation.Observe(Batch(("a", 0, 31), ("b", 0, 31), ("c", 0, 31)), Start)));
        Assert.Equal((3, 3L), (evaluation.Instances, evaluation.NotEvaluated));
    }

    [Fact]
    public void A_silence_is_told_once_at_its_time_and_old_readings_do_not_end_it()
    {
        var evaluation = Begin(new AlertRule { Name = "silent", Condition = AlertCondition.Silent, Silent = TimeSpan.FromMinutes(1) });
        evaluation.Observe(Batch(("a", 0, 1)), Start);
        Assert.Equal("", Text(evaluation.Tick(Start + TimeSpan.FromSeconds(60))));
        Assert.Equal("silent a Firing at 60", Text(evaluation.Tick(Start + TimeSpan.FromSeconds(75))));
        Assert.Equal("", Text(evaluation.Tick(Start + TimeSpan.FromSeconds(90))));
        Assert.Equal("", Text(evaluation.Observe(Batch(("a", 10, 1)), Start + TimeSpan.FromSeconds(91))));
        Assert.Equal("silent a Inactive at 50", Text(evaluation.Observe(Batch(("a", 50, 1)), Start + TimeSpan.FromSeconds(92))));
        Assert.Equal("silent a Firing at 110", Text(evaluation.Tick(Start + TimeSpan.FromSeconds(200))));
    }
}
