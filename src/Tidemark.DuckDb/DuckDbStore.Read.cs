using System.Runtime.CompilerServices;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    private const int BatchRows = 8192;

    private IReadOnlyList<SensorInfo>? _sensorList;
    private long _sensorListCommits = -1;

    public Task<Instant?> ReadRawHorizonAsync(CancellationToken cancellationToken)
    {
        RequireInitialized();
        return Task.FromResult(_state.RawHorizon);
    }

    public Task<Reading> ReadCurrentAsync(string sensorId, CancellationToken cancellationToken)
    {
        RequireInitialized();
        var latest = _sensors.Latest(RequireSensor(sensorId))!;
        return Task.FromResult(new Reading(new Instant(latest.TimeMicros), sensorId, latest.Values));
    }

    public async Task<IReadOnlyList<SensorInfo>> ListSensorsAsync(CancellationToken cancellationToken)
    {
        var commits = Interlocked.Read(ref _commits);
        if (_sensorList is { } cached && Interlocked.Read(ref _sensorListCommits) == commits)
        {
            return cached;
        }

        var sensors = await ReadThread(
            (session, state) =>
            {
                var totals = new Dictionary<int, long>();
                using (var rows = session.Query(_sql.Totals(state), streaming: false))
                {
                    while (rows.Read())
                    {
                        totals[rows.GetInt32(0)] = rows.GetInt64(1);
                    }
                }

                return Enumerable.Range(0, _sensors.Count)
                    .Select(key => new SensorInfo(
                        _sensors.Id(key),
                        new Instant(_sensors.Latest(key)!.TimeMicros),
                        totals.GetValueOrDefault(key)))
                    .OrderBy(s => s.SensorId, StringComparer.Ordinal)
                    .ToArray();
            },
            cancellationToken);

        // Only a list that no commit overtook may be answered again.
        if (Interlocked.Read(ref _commits) == commits)
        {
            _sensorList = sensors;
            Interlocked.Exchange(ref _sensorListCommits, commits);
        }

        return sensors;
    }

    public async IAsyncEnumerable<ReadingBatch> ReadRawAsync(
        string? sensorId,
        TimeRange range,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequireInitialized();
        var key = sensorId is null ? (int?)null : RequireSensor(sensorId);
        using var read = new RawRead(this, sensorId, key, range, cancellationToken);
        await foreach (var batch in Batches(read.Next, read.IsLong))
        {
            yield return batch;
        }
    }

    public async Task<AggregateReader> ReadAggregateAsync(AggregateQuery query, CancellationToken cancellationToken)
    {
        RequireInitialized();
        var aggregate = Schema.Aggregate(query.Aggregate);
        var key = query.SensorId is null ? (int?)null : RequireSensor(query.SensorId);
        var read = new AggregateRead(this, aggregate, query, key, cancellationToken);
        try
        {
            await (read.IsLong ? _streams : _readers).Run(read.Open);
            return new AggregateReader(read.Watermark, read.Pending, Batches(read.Next, read.IsLong), () =>
            {
                read.Dispose();
                return default;
            });
        }
        catch
        {
            read.Dispose();
            throw;
        }
    }

    public Task<IReadOnlyList<FleetPoint>> ReadFleetAsync(FleetQuery query, CancellationToken cancellationToken)
    {
        var aggregate = Schema.Aggregate(query.Aggregate);
        if (Schema.MetricIndex(query.Metric) < 0)
        {
            throw StoreException.UnknownMetric(query.Metric, Schema);
        }

        return ReadThread<IReadOnlyList<FleetPoint>>(
            (session, state) =>
            {
                var points = new List<FleetPoint>();
                using var rows = session.Query(
                    _sql.Fleet(state, aggregate, query.Metric, query.Range, query.FromRaw, _options.RealTime),
                    streaming: false);
                while (rows.Read())
                {
                    points.Add(
                        new FleetPoint(new Instant(rows.GetInt64(0)), rows.IsDBNull(1) ? null : rows.GetDouble(1), rows.GetInt64(2)));
                }

                return points;
            },
            cancellationToken,
            isLong: query.FromRaw);
    }

    private async IAsyncEnumerable<T> Batches<T>(Func<T?> next, bool isLong)
        where T : class
    {
        for (var threads = isLong ? _streams : _readers; await threads.Run(next) is { } batch; threads = _streams)
        {
            yield return batch;
        }
    }

    /// <summary>Whether a late write below the watermark touched what the answer is made of.</summary>
    private static bool IsPending(Session session, StoreState state, AggregateDefinition aggregate, TimeRange range, int? key)
    {
        var buckets = range with { To = aggregate.Bucket.Ceiling(range.To), From = aggregate.Bucket.Ceiling(range.From) };
        for (var part = aggregate; part is not null; part = part.Source)
        {
            if (state.Aggregate(part).HasInvalidations
                && session.Scalar(
                    $"SELECT 1 FROM internal.invalidations WHERE aggregate = $1 AND {DuckDbSql.Within("bucket", buckets)} AND "
                        + $"{(key is null ? "true" : $"sensor = {key}")} LIMIT 1",
                    part.Name) is not null)
            {
                return true;
            }
        }

        return false;
    }
}
