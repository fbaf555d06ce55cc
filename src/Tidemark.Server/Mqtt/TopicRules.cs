using Tidemark.Ingest.Messages;

namespace Tidemark.Server.Mqtt;

/// <summary>Finds the rule for a topic, quickly for topics that come again. Safe for concurrent use.</summary>
internal sealed class TopicRules(IReadOnlyList<TopicRule> rules)
{
    private const int MostKnown = 100_000;

    // A topic may have 65,535 bytes, and no device has such ones.
    private const int LongestKnown = 200;

    private static readonly Route None = new(null, null, null);

    private System.Collections.Concurrent.ConcurrentDictionary<string, Route> _known = new(StringComparer.Ordinal);
    private int _count;

    /// <param name="Rule">Null when no rule is for the topic.</param>
    public sealed record Route(TopicRule? Rule, string? Sensor, string? Metric);

    /// <summary>What a client subscribes to: no topic is brought by two of them.</summary>
    public IReadOnlyList<string> Filters
    {
        get
        {
            var filters = rules.Where(rule => !rule.Skip).Select(rule => rule.Topic.Filter).Distinct().ToList();
            return [.. filters.Where(filter => !filters.Any(other => other != filter && TopicPattern.Covers(other, filter)))];
        }
    }

    /// <returns>Without a rule when none is for the topic, or messages of it are passed over.</returns>
    public Route Find(string topic)
    {
        if (_known.TryGetValue(topic, out var route))
        {
            return route;
        }

        route = Match(topic);
        if (topic.Length > LongestKnown)
        {
            return route;
        }

        // A sender may make up ever other topics.
        if (Interlocked.Increment(ref _count) > MostKnown)
        {
            (_known, _count) = (new(StringComparer.Ordinal), 0);
        }

        _known[topic] = route;
        return route;
    }

    private Route Match(string topic)
    {
        foreach (var rule in rules)
        {
            if (rule.Topic.TryMatch(topic, out var sensor, out var metric))
            {
                return rule.Skip ? None : new Route(rule, sensor, metric);
            }
        }

        return None;
    }
}
