using System.Runtime.CompilerServices;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    private const int BatchRows = 8192;

    private const int CurrentRows = 1024;

    private int[]? _sortedKeys;
    private (int Key, long Last, long Total)[]? _sensorList;
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
        var metrics = Select(_state, key, metrics: null);
        var batch = new ReadingBatch(metrics.Names, 1);
        AddCurrent(batch, key, metrics, new double[metrics.Count]);
        return Task.FromResult(batch);
    }

    public async IAsyncEnumerable<ReadingBatch> ReadAllCurrentAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequireInitialized();
        var metrics = Select(_state, key: null, metrics: null);
        var values = new double[metrics.Count];
        foreach (var keys in SortedKeys().Chunk(CurrentRows))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var batch = new ReadingBatch(metrics.Names, keys.Length);
            foreach (var key in keys)
            {
                AddCurrent(batch, key, metrics, values);
            }

            yield return batch;
            // Nothing here waits by itself: others have their turn between two batches.
            await Task.Yield();
        }
    }

    private void AddCurrent(ReadingBatch batch, int key, Selection metrics, double[] values)
    {
        var latest = _sensors.Latest(key)!;
        Array.Fill(values, double.NaN);
        for (var m = 0; m < latest.Metrics.Length; m++)
        {
            if (metrics.Place(latest.Metrics[m]) is var place and >= 0)
            {
                values[place] = latest.Values[m];
            }
        }

        batch.Add(_sensors.Id(key), new Instant(latest.TimeMicros), values);
    }

    /// <summary>The sensors' keys in the order of their ids, sorted again only when there are new ones.</summary>
    private int[] SortedKeys()
    {
        if (_sortedKeys is not { } sorted || sorted.Length != _sensors.Count)
        {
            sorted = [.. Enumerable.Range(0, _sensors.Count)];
            Array.Sort(sorted, (a, b) => SensorId.Order.Compare(_sensors.Id(a), _sensors.Id(b)));
            _sortedKeys = sorted;
        }

        return sorted;
    }

    public async IAsyncEnumerable<SensorInfo> ReadSensorsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var (key, last, total) in await ListSensorsAsync(cancellationToken))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return new SensorInfo(_sensors.Id(key), new Instant(last), total);
        }
    }

    /// <summary>Of each sensor its key, the time of its last reading and how many it has, in their order.</summary>
    private async Task<(int Key, long Last, long Total)[]> ListSensorsAsync(CancellationToken cancellationToken)
    {
        var commits = Interlocked.Read(ref _commits);
        if (_sensorList is { } cached && Interlocked.Read(ref _sensorListCommits) == commits)
        {
            return cached;
        }

        var sensors = await ReadThread(
            (session, state) =>
            {
                var list = new (int Key, long Last, long Total)[_sensors.Count];
                for (var key = 0; key < list.Length; key++)
                {
                    list[key] = (key, _sensors.Latest(key)!.TimeMicros, 0);
                }

                using (var rows = session.Query(DuckDbSql.Totals(state, Schema.Finest), streaming: true))
                {
                    while (rows.Read())
                    {
                        if (rows.GetInt32(0) is var key && key < list.Length)
                        {
                            list[key].Total = rows.GetInt64(1);
                        }
                    }
                }

                Array.Sort(list, (a, b) => SensorId.Order.Compare(_sensors.Id(a.Key), _sensors.Id(b.Key)));
                return list;
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
        read.TryOpen();
        await foreach (var batch in Batches(read, read.IsLong))
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
            if (!read.TryOpen())
            {
                await (read.IsLong ? _streams : _readers).Run(read.Open);
            }

            return new AggregateReader(read.Watermark, read.Pending, read.Columns, Batches(read, read.IsLong), () =>
            {
                read.Dispose();
                return default;
            })
            {
                Horizon = read.Horizon,
            };
        }
        catch
        {
            read.Dispose();
            throw;
        }
    }

    public async IAsyncEnumerable<FleetPoint> ReadFleetAsync(
        FleetQuery query,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequireInitialized();
        using var read = new FleetRead(this, Schema.Aggregate(query.Aggregate), query, cancellationToken);
        read.TryOpen();
        await foreach (var points in Batches(read, isLong: query.FromRaw))
        {
            foreach (var point in points)
            {
                yield return point;
            }
        }
    }

    private async IAsyncEnumerable<T> Batches<T>(OpenRead<T> read, bool isLong)
        where T : class
    {
        for (var threads = isLong ? _streams : _readers; ; threads = _streams)
        {
            var batch = read.TakeReady() ?? (read.IsAtEnd ? null : await threads.Run(read.Next));
            if (batch is null)
            {
                yield break;
            }

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
