using System.Runtime.InteropServices;
using Tidemark.Configuration;

namespace Tidemark.Server.Sensors;

/// <summary>
/// After which silence a sensor is stale: <c>stale_after</c>, or else three times the time that it takes between two readings, on average
/// over those buckets of the last fortnight in which it wrote. Who wrote in none of them is stale.
/// </summary>
internal sealed class Cadence(ITelemetryStore store, TidemarkOptions options, TimeProvider clock) : IDisposable
{
    private const int Missed = 3;

    private static readonly TimeSpan Window = TimeSpan.FromDays(14);
    private static readonly TimeSpan Least = TimeSpan.FromMinutes(5);

    // How often sensors write changes slowly, and asking for all of them reads some buckets of each.
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(10);

    // Buckets of a day are few and still tell a sensor that writes by the minute from one that writes once a day.
    private readonly AggregateDefinition? _aggregate = store.Schema.Aggregates
        .Where(a => a.Bucket.Approximate <= TimeSpan.FromDays(1)).MaxBy(a => a.Bucket.Approximate);

    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile Table? _last;

    private sealed record Table(DateTimeOffset Read, IReadOnlyDictionary<string, TimeSpan> Intervals);

    /// <summary>What tells of each sensor after which silence it is stale.</summary>
    public async ValueTask<Func<string, TimeSpan>> ReadAsync(CancellationToken cancellationToken)
    {
        if (options.StaleAfter is { } same)
        {
            return _ => same;
        }

        var table = await ReadTableAsync(cancellationToken);
        return id => table.Intervals.TryGetValue(id, out var interval) ? Max(Missed * interval, Least) : Window;
    }

    private async ValueTask<Table> ReadTableAsync(CancellationToken cancellationToken)
    {
        if (IsFresh(_last))
        {
            return _last!;
        }

        await _turn.WaitAsync(cancellationToken);
        try
        {
            return IsFresh(_last) ? _last! : _last = new Table(clock.GetUtcNow(), await ReadIntervalsAsync(cancellationToken));
        }
        finally
        {
            _turn.Release();
        }
    }

    private bool IsFresh(Table? table) => table is not null && clock.GetUtcNow() - table.Read < Kept;

    private async Task<IReadOnlyDictionary<string, TimeSpan>> ReadIntervalsAsync(CancellationToken cancellationToken)
    {
        var sums = new Dictionary<string, (long Micros, int Buckets, long Readings)>(StringComparer.Ordinal);
        if (_aggregate is null)
        {
            return new Dictionary<string, TimeSpan>();
        }

        var now = Instant.From(clock.GetUtcNow());
        var range = new TimeRange(now - Window, now);
        var query = new AggregateQuery(_aggregate.Name, null, range) { Metrics = [store.Schema.Metrics[0].Name] };
        await using var answer = await store.ReadAggregateAsync(query, cancellationToken);
        await foreach (var batch in answer.Rows.WithCancellation(cancellationToken))
        {
            for (var row = 0; row < batch.Count; row++)
            {
                ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(sums, batch.SensorId(row), out _);
                // The last bucket isn't over yet.
                sum.Micros += Math.Min(_aggregate.Bucket.End(batch.Bucket(row)).Micros, now.Micros) - batch.Bucket(row).Micros;
                sum.Buckets++;
                sum.Readings += batch.ReadingCount(row);
            }
        }

        // One reading a bucket at most: then what is between the buckets counts.
        return sums.ToDictionary(
            s => s.Key,
            s => s.Value.Readings > s.Value.Buckets
                ? TimeSpan.FromMicroseconds(s.Value.Micros / s.Value.Readings)
                : Window / s.Value.Readings,
            StringComparer.Ordinal);
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    public void Dispose() => _turn.Dispose();
}
