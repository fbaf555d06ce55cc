using System.Diagnostics.CodeAnalysis;

namespace Tidemark.Ingest.Messages;

/// <summary>
/// Which topics a rule is for, and what they say: a topic whose levels may be <c>+</c> (any one), <c>{sensor}</c> and <c>{metric}</c>, and
/// whose last may be <c>#</c> (any rest) or <c>{sensor...}</c>, the rest as the sensor.
/// </summary>
public sealed class TopicPattern
{
    public const string Form
        = "a topic such as site/{sensor}/{metric}: whole levels may be {sensor}, {metric} or +, the last one # or {sensor...}";

    private const string Sensor = "{sensor}";
    private const string Metric = "{metric}";
    private const string Rest = "{sensor...}";
    private const int MostLevels = 64;

    private readonly string _text;
    private readonly string[] _levels;

    private TopicPattern(string text, string[] levels)
    {
        (_text, _levels) = (text, levels);
        Filter = string.Join('/', levels.Select(level => level switch
        {
            Sensor or Metric => "+",
            Rest => "#",
            _ => level,
        }));
    }

    /// <summary>What a client subscribes to.</summary>
    public string Filter { get; }

    public bool HasSensor => _levels.Any(level => level is Sensor or Rest);

    public bool HasMetric => _levels.Contains(Metric);

    public static bool TryParse(string? text, [NotNullWhen(true)] out TopicPattern? pattern)
    {
        var levels = (text ?? "").Split('/');
        var valid = !string.IsNullOrEmpty(text) && levels.Length <= MostLevels && !text.Contains('\0')
            && levels.Index().All(level => level.Item is Sensor or Metric or "+"
                || (level.Item is "#" or Rest ? level.Index == levels.Length - 1 : level.Item.AsSpan().IndexOfAny("{}+#") < 0));
        pattern = valid ? new TopicPattern(text!, levels) : null;
        return valid;
    }

    /// <param name="topic">Of a message.</param>
    /// <param name="sensor">Several levels are joined by <c>/</c>; null when the pattern names none.</param>
    /// <param name="metric">Several levels are joined by <c>_</c>; null when the pattern names none.</param>
    /// <returns>Whether the pattern is for the topic. A first <c>+</c> or <c>#</c> is for none that begins with <c>$</c>.</returns>
    public bool TryMatch(string topic, out string? sensor, out string? metric)
    {
        (sensor, metric) = (null, null);
        var at = 0;
        for (var level = 0; level < _levels.Length; level++)
        {
            // Behind the last level: only # is for it too.
            if (at > topic.Length)
            {
                return _levels[level] == "#";
            }

            var expected = _levels[level];
            if (level == 0 && topic.StartsWith('$') && expected.AsSpan().IndexOfAny("+#{") == 0)
            {
                return false;
            }

            var rest = topic.AsSpan(at);
            var end = expected is "#" or Rest ? -1 : rest.IndexOf('/');
            var found = end < 0 ? rest : rest[..end];
            switch (expected)
            {
                case "+" or "#":
                    break;
                case Sensor or Rest:
                    sensor = sensor is null ? found.ToString() : $"{sensor}/{found}";
                    break;
                case Metric:
                    metric = metric is null ? found.ToString() : $"{metric}_{found}";
                    break;
                default:
                    if (!found.SequenceEqual(expected))
                    {
                        return false;
                    }

                    break;
            }

            at += found.Length + 1;
        }

        return at > topic.Length;
    }

    /// <summary>Whether this filter brings every topic that another one does.</summary>
    public static bool Covers(string filter, string other)
    {
        var (ours, theirs) = (filter.Split('/'), other.Split('/'));
        for (var level = 0; level < ours.Length; level++)
        {
            if (ours[level] == "#")
            {
                return true;
            }

            if (level >= theirs.Length || theirs[level] == "#" || (ours[level] != "+" && ours[level] != theirs[level]))
            {
                return false;
            }
        }

        return ours.Length == theirs.Length;
    }

    public override string ToString() => _text;
}
