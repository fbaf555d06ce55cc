using System.Runtime.CompilerServices;

namespace Tidemark.Store.Tests.Conformance;

/// <summary>
/// The store contract, literally and naively, in memory: what every engine is compared with. Each call works on the
/// whole data under one lock.
/// </summary>
internal sealed partial class ReferenceStore(ReferenceState state, StoreSettings settings, TimeProvider clock) : ITelemetryStore
{
    private const int BatchSize = 100;

    private readonly Lock _lock = new();

    public TelemetrySchema Schema { get; private set; } = settings.Schema;

    private Instant Now => Instant.From(clock.GetUtcNow());

    private Instant ChunkOf(Instant time)
    {
        var (width, offset) = ((long)settings.ChunkInterval.TotalMicroseconds, time.Micros - settings.ChunkOrigin.Micros);
        return new Instant(time.Micros - (((offset % width) + width) % width));
    }

    private Instant ChunkEnd(Instant start) => start + settings.ChunkInterval;

    public Task<WriteResult> WriteAsync(ReadingBatch batch, CancellationToken cancellationToken) => Locked(() =>
    {
        var readings = Enumerable.Range(0, batch.Count).Select(row => batch[row]).ToList();
        if (readings.Where(r => r.Time < state.RawHorizon).Select(r => (Instant?)r.Time).FirstOrDefault() is { } old)
        {
            throw StoreException.OlderThanRetention(old, state.RawHorizon!.Value);
        }

        var refused = RowsOfMetricsWithoutPlace(batch);
        foreach (var row in RowsWithoutPlace(readings, refused.Keys))
        {
            refused.Add(row, RefusedReading.OfNewSensor(row));
        }

        readings = [.. readings.Where((_, row) => !refused.ContainsKey(row))];
        Grow(batch.Metrics, readings);
        readings = [.. readings.Select(r => InSchemaOrder(batch.Metrics, r))];
        var result = default(WriteResult);
        var changed = new List<Reading>();
        foreach (var same in readings.GroupBy(r => (r.Time, r.SensorId)))
        {
            var stored = state.Readings.TryGetValue(same.Key, out var known) ? [known] : Array.Empty<Reading>();
            var reading = batch.Mode is WriteMode.Merge ? stored.Concat(same).Aggregate(Merge) : same.Last();
            var one = Write(reading);
            changed.AddRange(one.Unchanged > 0 ? [] : [reading]);
            result += one;
        }

        Publish(changed);
        return result.Refuse([.. refused.Values]);
    }, cancellationToken);

    private static Reading Merge(Reading before, Reading reading)
        => reading with { Values = [.. before.Values.Zip(reading.Values, (old, value) => double.IsNaN(value) ? old : value)] };

    private List<int> RowsWithoutPlace(List<Reading> readings, IReadOnlyCollection<int> refused)
    {
        var rows = new List<int>();
        var sensors = state.Latest.Keys.ToHashSet();
        foreach (var row in Enumerable.Range(0, readings.Count).Except(refused))
        {
            if (sensors.Contains(readings[row].SensorId) || sensors.Count < settings.MaxSensors)
            {
                sensors.Add(readings[row].SensorId);
            }
            else
            {
                rows.Add(row);
            }
        }

        return rows;
    }

    private WriteResult Write(Reading reading)
    {
        var key = (reading.Time, reading.SensorId);
        var exists = state.Readings.TryGetValue(key, out var before);
        if (exists && before.Values.Zip(reading.Values).All(v => ReadingBatch.AreSame(v.First, v.Second)))
        {
            return new WriteResult(0, 0, 1);
        }

        state.Readings[key] = reading;
        var sent = state.Sent.TryGetValue(reading.SensorId, out var known) ? known : state.Sent[reading.SensorId] = [];
        sent.UnionWith(Schema.MetricNames.Where((_, m) => !double.IsNaN(reading.Values[m])));
        if (!state.Latest.TryGetValue(reading.SensorId, out var latest) || latest.Time <= reading.Time)
        {
            state.Latest[reading.SensorId] = reading;
        }

        state.CompressedChunks.Remove(ChunkOf(reading.Time));
        Invalidate(null, reading.SensorId, reading.Time);
        return exists ? new WriteResult(0, 1, 0) : new WriteResult(1, 0, 0);
    }

    public Task<Instant?> ReadRawHorizonAsync(CancellationToken cancellationToken) => Locked(() => state.RawHorizon, cancellationToken);

    public IAsyncEnumerable<SensorInfo> ReadSensorsAsync(CancellationToken cancellationToken) => Stream(() =>
    {
        var totals = Rows(Schema.Finest, tail: true).GroupBy(r => r.SensorId)
            .ToDictionary(rows => rows.Key, rows => rows.Sum(r => r.ReadingCount));
        return state.Latest.Values.OrderBy(r => r.SensorId, SensorId.Order)
            .Select(r => new SensorInfo(r.SensorId, r.Time, totals.GetValueOrDefault(r.SensorId)));
    }, cancellationToken);

    private async IAsyncEnumerable<T> Stream<T>(Func<IEnumerable<T>> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var item in await Locked(() => read().ToList(), cancellationToken))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return item;
        }
    }

    public Task<ReadingBatch> ReadCurrentAsync(string sensorId, CancellationToken cancellationToken) => Locked(
        () => Batch(AnswerOf(Known(sensorId), null), [state.Latest[sensorId]]),
        cancellationToken);

    public IAsyncEnumerable<ReadingBatch> ReadAllCurrentAsync(CancellationToken cancellationToken) => Stream(
        () => state.Latest.Values.OrderBy(r => r.SensorId, SensorId.Order).Chunk(BatchSize)
            .Select(part => Batch(AnswerOf(null, null), part)),
        cancellationToken);

    public async IAsyncEnumerable<ReadingBatch> ReadRawAsync(
        RawQuery query,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var snapshot = await Locked(() =>
        {
            var metrics = AnswerOf(Known(query.SensorId), query.Metrics);
            var readings = state.Readings.Values.Where(r => query.Range.Contains(r.Time) && Matches(query.SensorId, r.SensorId));
            return readings.Chunk(BatchSize).Select(part => Batch(metrics, part)).ToList();
        }, cancellationToken);
        foreach (var batch in snapshot)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return batch;
        }
    }

    private ReadingBatch Batch(IReadOnlyList<string> metrics, IReadOnlyList<Reading> readings)
    {
        var batch = new ReadingBatch(metrics, readings.Count);
        foreach (var reading in readings)
        {
            batch.Add(reading with { Values = [.. metrics.Select(m => reading.Values[Schema.MetricIndex(m)])] });
        }

        return batch;
    }

    public Task<AggregateReader> ReadAggregateAsync(AggregateQuery query, CancellationToken cancellationToken) => Locked(() =>
    {
        var aggregate = Schema.Aggregate(query.Aggregate);
        var sensorId = Known(query.SensorId);
        var rows = (query.FromRaw ? FromRaw(aggregate) : Rows(aggregate, settings.RealTime))
            .Where(r => query.Range.Contains(r.Bucket) && Matches(sensorId, r.SensorId)).OrderBy(r => r.Bucket).ToList();
        var pending = !query.FromRaw
            && Pending(aggregate).Any(pair => query.Range.Contains(pair.Bucket) && Matches(sensorId, pair.SensorId));
        var metrics = AnswerOf(sensorId, query.Metrics);
        var columns = query.Partials
            ? AggregateDefinition.PartialColumns(metrics)
            : aggregate.Columns(metrics, withExtra: query.Metrics is null);
        rows = rows.ConvertAll(r => r with
        {
            Metrics = [.. metrics.Select(m => r.Metrics[Schema.MetricIndex(m)])],
            Extras = query.Metrics is null ? r.Extras : [],
        });
        return new AggregateReader(
            Of(aggregate).Watermark,
            pending,
            columns,
            Stream(columns.Count, rows, query.Partials, cancellationToken),
            () => ValueTask.CompletedTask)
        {
            Horizon = query.FromRaw ? state.RawHorizon : Of(aggregate).Horizon,
        };
    }, cancellationToken);

    public IAsyncEnumerable<FleetPoint> ReadFleetAsync(FleetQuery query, CancellationToken cancellationToken) => Stream(() =>
    {
        var aggregate = Schema.Aggregate(query.Aggregate);
        var metric = Schema.MetricIndex(query.Metric);
        if (metric < 0)
        {
            throw StoreException.UnknownMetric(query.Metric, Schema);
        }

        return (query.FromRaw ? FromRaw(aggregate) : Rows(aggregate, settings.RealTime))
            .Where(r => query.Range.Contains(r.Bucket)).GroupBy(r => r.Bucket).OrderBy(rows => rows.Key)
            .Select(rows => (rows.Key, Sum: rows.Select(r => r.Metrics[metric]).Aggregate((a, b) => a + b), Count: rows.Sum(
                r => r.ReadingCount)))
            .Select(point => new FleetPoint(point.Key, point.Sum.Count == 0 ? null : point.Sum.Average, point.Count));
    }, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>An answer's rows: the materialised ones, then those that the source gives from the watermark on.</summary>
    private IEnumerable<ReferenceRow> Rows(AggregateDefinition aggregate, bool tail)
    {
        var kept = Of(aggregate);
        var live = tail ? FromSource(aggregate).Where(r => kept.Watermark is null || r.Bucket >= kept.Watermark) : [];
        return kept.Rows.Values.Concat(live);
    }

    private IEnumerable<ReferenceRow> FromSource(AggregateDefinition aggregate)
        => aggregate.Source is null
            ? FromRaw(aggregate)
            : Rows(aggregate.Source, tail: true).GroupBy(r => (Bucket: aggregate.Bucket.Floor(r.Bucket), r.SensorId))
                .Select(rows => ReferenceRow.Of(rows.Key.Bucket, rows.Key.SensorId, [.. rows]));

    private IEnumerable<ReferenceRow> FromRaw(AggregateDefinition aggregate)
        => state.Readings.Values.GroupBy(r => (Bucket: aggregate.Bucket.Floor(r.Time), r.SensorId))
            .Select(readings => ReferenceRow.Of(aggregate, readings.Key.Bucket, readings.Key.SensorId, [.. readings]));

    /// <summary>The aggregate's buckets that a late write touched, directly or through a source, and that wait for a refresh.</summary>
    private HashSet<(Instant Bucket, string SensorId)> Pending(AggregateDefinition aggregate)
        => [.. Of(aggregate).Invalid, .. aggregate.Source is null
            ? []
            : Pending(aggregate.Source).Select(p => (aggregate.Bucket.Floor(p.Bucket), p.SensorId))];

    private static async IAsyncEnumerable<AggregateBatch> Stream(
        int columns, IReadOnlyList<ReferenceRow> rows, bool partials, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var part in rows.Chunk(BatchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var batch = new AggregateBatch(columns, part.Length);
            foreach (var row in part)
            {
                var added = batch.Add(row.Bucket, row.SensorId, row.ReadingCount);
                foreach (var (column, value) in (partials ? row.Partials() : row.Columns()).Index())
                {
                    batch.Set(added, column, value);
                }
            }

            yield return batch;
        }
    }

    private IEnumerable<AggregateDefinition> BuiltFrom(AggregateDefinition? source)
        => state.Definitions.Where(d => d.Source?.Name == source?.Name);

    private ReferenceAggregate Of(AggregateDefinition aggregate) => state.Aggregates[aggregate.Name];

    private string? Known(string? sensorId)
        => sensorId is null || state.Latest.ContainsKey(sensorId) ? sensorId : throw StoreException.UnknownSensor(sensorId);

    private static bool Matches(string? sensorId, string candidate) => sensorId is null || sensorId == candidate;

    private Task<T> Locked<T>(Func<T> action, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                return Task.FromResult(action());
            }
            catch (Exception e)
            {
                return Task.FromException<T>(e);
            }
        }
    }
}
