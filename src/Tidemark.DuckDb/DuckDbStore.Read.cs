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

    public Task<ReadingBatch> ReadCurrentAsync(string sensorId, CancellationToken cancellationToken)
    {
        RequireInitialized();
        var key = RequireSensor(sensorId);
        var latest = _sensors.Latest(key)!;
        var metrics = Select(_state, key, metrics: null);
        var values = new double[metrics.Count];
        Array.Fill(values, double.NaN);
        for (var m = 0; m < latest.Metrics.Length; m++)
        {
            if (metrics.Place(latest.Metrics[m]) is var place and >= 0)
            {
                values[place] = latest.Values[m];
            }
        }

        var batch = new ReadingBatch(metrics.Names, 1);
        batch.Add(sensorId, new Instant(latest.TimeMicros), values);
        return Task.FromResult(batch);
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
                using (var rows = session.Query(DuckDbSql.Totals(state, Schema.Finest), streaming: false))
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
        RawQuery query,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequireInitialized();
        var key = query.SensorId is null ? (int?)null : RequireSensor(query.SensorId);
        using var read = new RawRead(this, query, key, cancellationToken);
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
            return new AggregateReader(read.Watermark, read.Pending, read.Columns, Batches(read.Next, read.IsLong), () =>
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
        return ReadThread<IReadOnlyList<FleetPoint>>(
            (session, state) =>
            {
                var points = new List<FleetPoint>();
                var metric = Select(state, null, [query.Metric]);
                using var rows = session.Query(
                    DuckDbSql.Fleet(state, new AggregateRows(aggregate, query.Range, metric, false), query.FromRaw, _options.RealTime),
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
