using System.Globalization;

namespace Tidemark.Store.Tests.Conformance;

/// <remarks>It remembers every commit.</remarks>
internal sealed partial class ReferenceStore
{
    private readonly CommitFeed _feed = new();

    private string Position => state.Commits.Count.ToString(CultureInfo.InvariantCulture);

    public Task<CommitSubscription> SubscribeAsync(CancellationToken cancellationToken)
        => Locked(() => _feed.Subscribe(Position), cancellationToken);

    public Task<CommitsSince> ReadCommitsAsync(CommitQuery query, CancellationToken cancellationToken) => Locked(
        () =>
        {
            if (!int.TryParse(query.After, NumberStyles.None, CultureInfo.InvariantCulture, out var after) || after > state.Commits.Count)
            {
                return new CommitsSince(Position, null, []);
            }

            var commits = state.Commits.Skip(after).Reverse()
                .Select(keys => keys.Where(key => query.Sensors.Matches(key.SensorId)).ToList()).ToList();
            var taken = commits.TakeWhile((_, i) => commits.Take(i + 1).Sum(keys => keys.Count) <= query.Limit).ToList();
            var readings = taken.SelectMany(keys => keys).Distinct().Where(state.Readings.ContainsKey).Order()
                .Select(key => state.Readings[key]).ToList();
            var missed = commits.Skip(taken.Count).Sum(keys => keys.Count);
            return new CommitsSince(Position, missed, readings.Count == 0 ? [] : [Batch(Schema.MetricNames, readings)]);
        },
        cancellationToken);

    private void Publish(List<Reading> changed)
    {
        if (changed.Count > 0)
        {
            state.Commits.Add([.. changed.Select(r => (r.Time, r.SensorId))]);
            var ordered = changed.OrderBy(r => r.SensorId, StringComparer.Ordinal).ThenBy(r => r.Time).ToList();
            _feed.Publish(new CommittedReadings(Position, Batch(Schema.MetricNames, ordered)));
        }
    }
}
