using System.Diagnostics;
using System.Globalization;

namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    // What one transaction of a refresh takes on: writes and reads go on between two of them.
    private const int ChunksPerSlice = 64;
    private const double ReadingsPerSlice = 2_000_000;
    private const long RollupRowsPerSlice = 500_000;
    private static readonly TimeSpan RollupSlice = TimeSpan.FromDays(31);

    public Task<IReadOnlyList<RefreshPlan>> PlanRefreshAsync(string aggregate, TimeRange? range, CancellationToken cancellationToken)
    {
        var definition = Schema.Aggregate(aggregate);
        return ReadThread<IReadOnlyList<RefreshPlan>>(
            (session, state) => [.. Chain(definition, range).Select(part => Plan(session, state, part.Aggregate, part.Range))],
            cancellationToken);
    }

    public Task<IReadOnlyList<RefreshResult>> RefreshAsync(
        string aggregate,
        TimeRange? range,
        IProgress<StoreProgress>? progress,
        CancellationToken cancellationToken)
    {
        RequireInitialized();
        return RefreshAsync(Schema.Aggregate(aggregate), range, progress, cancellationToken);
    }

    private async Task<IReadOnlyList<RefreshResult>> RefreshAsync(
        AggregateDefinition aggregate,
        TimeRange? range,
        IProgress<StoreProgress>? progress,
        CancellationToken cancellationToken)
    {
        var results = new List<RefreshResult>();
        foreach (var (part, partRange) in Chain(aggregate, range))
        {
            var started = Stopwatch.GetTimestamp();
            var rows = await RefreshOneAsync(part, partRange, progress, cancellationToken);
            _lastRefresh[part.Name] = Now;
            results.Add(new RefreshResult(part.Name, rows, _state.Aggregate(part).Watermark, Stopwatch.GetElapsedTime(started)));
        }

        return results;
    }

    /// <summary>The aggregate after its sources, each with the range widened to whole buckets of the coarsest.</summary>
    private static IEnumerable<(AggregateDefinition Aggregate, TimeRange? Range)> Chain(AggregateDefinition aggregate, TimeRange? range)
    {
        var widened = range is { } r ? r.Widen(aggregate.Bucket) : (TimeRange?)null;
        return (aggregate.Source is null ? [] : Chain(aggregate.Source, widened)).Append((aggregate, widened));
    }

    private async Task<long> RefreshOneAsync(
        AggregateDefinition aggregate,
        TimeRange? range,
        IProgress<StoreProgress>? progress,
        CancellationToken cancellationToken)
    {
        var rows = 0L;
        Instant? first = null;
        while (HasInvalid(aggregate) && await WriteThread(() => RefreshInvalid(aggregate, range), cancellationToken) is { } written)
        {
            rows += written;
        }

        while (HasNew(_state, aggregate, range) && await WriteThread(() => RefreshNew(aggregate, range), cancellationToken) is { } slice)
        {
            rows += slice.Rows;
            first ??= slice.Range.From;
            var end = NewEnd(_state, aggregate, range);
            progress?.Report(new StoreProgress(
                $"refresh {aggregate.Name}",
                end <= first ? 1 : Math.Clamp((slice.Range.To - first.Value) / (end - first.Value), 0, 1)));
        }

        return rows;
    }

    private bool HasInvalid(AggregateDefinition aggregate) => _state.Aggregate(aggregate).HasInvalidations;

    private bool HasNew(StoreState state, AggregateDefinition aggregate, TimeRange? range)
        => (state.Aggregate(aggregate).Watermark ?? Instant.MinValue) < NewEnd(state, aggregate, range);

    /// <summary>Where closed buckets end: at now, the source's watermark and the range's end.</summary>
    private Instant NewEnd(StoreState state, AggregateDefinition aggregate, TimeRange? range)
    {
        var end = aggregate.Source is null ? Now : Instant.Min(Now, state.Aggregate(aggregate.Source).Watermark ?? Instant.MinValue);
        return Instant.Min(aggregate.Bucket.Floor(end), range?.To ?? Instant.MaxValue);
    }

    /// <summary>Materialises the next slice from the watermark on.</summary>
    /// <returns>What it covered and the rows written; null when nothing is left.</returns>
    private (TimeRange Range, long Rows)? RefreshNew(AggregateDefinition aggregate, TimeRange? range)
    {
        var rest = new TimeRange(_state.Aggregate(aggregate).Watermark ?? Instant.MinValue, NewEnd(_state, aggregate, range));
        if (rest.IsEmpty || Edge(_session, _state, aggregate.Source, rest, "min", planned: null) is not { } first)
        {
            return null;
        }

        // The slice begins at the watermark, whatever was found: a reading that arrives meanwhile is never skipped.
        var begin = aggregate.Bucket.Floor(first);
        var far = aggregate.Source is null ? RawSliceEnd(first) : RollupSliceEnd(aggregate.Source, rest with { From = begin });
        var end = Instant.Min(rest.To, Instant.Max(aggregate.Bucket.End(begin), aggregate.Bucket.Floor(far)));
        var slice = rest with { To = end };
        return Transaction<(TimeRange, long)?>(state =>
        {
            var rows = Insert(state, aggregate, aggregate.Source is null
                ? DuckDbSql.FromRaw(state, Stored(state, aggregate, slice), "true")
                : DuckDbSql.Rollup(
                    aggregate,
                    DuckDbSql.Partials(state, Stored(state, aggregate.Source, slice), "true", realTime: false),
                    state.Metrics.OfColumns));
            InsertMap(state, aggregate, slice, rows => rows);
            var last = InstantOf(
                _session.Scalar($"SELECT epoch_us(max(bucket)) FROM {DuckDbSql.Table(aggregate)} WHERE "
                    + $"{DuckDbSql.Within("bucket", slice)}"))!.Value;
            var watermark = aggregate.Bucket.End(last);
            _session.Execute($"UPDATE internal.aggregates SET watermark = {watermark.Micros}, last_refresh = {Now.Micros} WHERE name = "
                + $"'{aggregate.Name}'");
            return (state.With(state.Aggregate(aggregate) with { Watermark = watermark }), (new TimeRange(begin, end), rows));
        });
    }

    /// <summary>Where about as many readings end as one slice takes on, judged by the chunks from the first reading on.</summary>
    private Instant RawSliceEnd(Instant first)
    {
        var (readings, end) = (0L, first);
        foreach (var chunk in _state.ChunksIn(new TimeRange(first, Instant.MaxValue)).Take(ChunksPerSlice))
        {
            var more = Readings(chunk);
            if (readings + more > ReadingsPerSlice)
            {
                return Instant.Max(first, chunk.Range.From)
                    + ((chunk.Range.To - chunk.Range.From) * Math.Max((ReadingsPerSlice - readings) / more, 0.01));
            }

            (readings, end) = (readings + more, chunk.Range.To);
        }

        return end;
    }

    /// <summary>Where a slice of finer buckets ends: a month on, or later as long as it takes on few.</summary>
    private Instant RollupSliceEnd(AggregateDefinition source, TimeRange rest)
    {
        var slice = rest with { To = rest.From + RollupSlice };
        while (slice.To < rest.To)
        {
            var twice = slice with { To = slice.To + (slice.To - slice.From) };
            var rows = $"SELECT count(*) FROM {DuckDbSql.Table(source)} WHERE {DuckDbSql.Within("bucket", twice)}";
            if (Long(_session, rows) > RollupRowsPerSlice)
            {
                break;
            }

            slice = twice;
        }

        return slice.To;
    }

    /// <summary>Adds partials to an aggregate, neighbours in (sensor, bucket) order, so that one sensor's rows lie together.</summary>
    private long Insert(StoreState state, AggregateDefinition aggregate, string partials)
    {
        string[] columns = ["sensor", "bucket", "reading_count", .. DuckDbSql.PartialColumns(aggregate, state.Metrics.OfColumns)];
        return _session.Execute(
            $"INSERT INTO {DuckDbSql.Table(aggregate)} ({string.Join(", ", columns)}) FROM ({partials}) ORDER BY 1, 2");
    }

    /// <summary>The same of metrics in the map, from raw readings or the source.</summary>
    /// <param name="state">What there is.</param>
    /// <param name="aggregate">Where they are added.</param>
    /// <param name="slice">Of whole buckets.</param>
    /// <param name="choose">Takes some of the source's rows.</param>
    private void InsertMap(StoreState state, AggregateDefinition aggregate, TimeRange slice, Func<string, string> choose)
    {
        if (!state.Metrics.HasMap)
        {
            return;
        }

        var partials = aggregate.Source is { } source
            ? DuckDbSql.MapRollup(
                choose($"FROM {DuckDbSql.MapTable(source)} WHERE {DuckDbSql.Within("bucket", Below(state, source, slice))}"),
                aggregate.Bucket)
            : DuckDbSql.MapFromRaw(choose(DuckDbSql.RawMap(state, slice)), aggregate.Bucket);
        _session.Execute($"INSERT INTO {DuckDbSql.MapTable(aggregate)} FROM ({partials}) ORDER BY 1, 2, 3");
    }

    private static TimeRange Below(StoreState state, AggregateDefinition source, TimeRange slice)
        => slice.Intersect(new TimeRange(Instant.MinValue, state.Aggregate(source).Watermark ?? Instant.MinValue));

    private static AggregateRows Stored(StoreState state, AggregateDefinition aggregate, TimeRange slice)
        => new(aggregate, slice, state.Metrics.OfColumns, WithExtra: true);

    /// <summary>The plan of one aggregate, its sources taken as refreshed.</summary>
    private RefreshPlan Plan(Session session, StoreState state, AggregateDefinition aggregate, TimeRange? range)
    {
        var closed = new TimeRange(state.Aggregate(aggregate).Watermark ?? Instant.MinValue, ClosedEnd(session, state, aggregate, range));
        var first = closed.IsEmpty ? null : Edge(session, state, aggregate.Source, closed, "min", range ?? TimeRange.All);
        var invalid = Long(session, $"SELECT count(*) FROM ({DuckDbSql.Invalid(state, aggregate, range ?? TimeRange.All)})");
        return new RefreshPlan(
            aggregate.Name,
            first is null ? null : new TimeRange(aggregate.Bucket.Floor(first.Value), closed.To),
            invalid);
    }

    /// <summary>Where closed buckets end once the sources are refreshed.</summary>
    private Instant ClosedEnd(Session session, StoreState state, AggregateDefinition aggregate, TimeRange? range)
    {
        var end = Now;
        if (aggregate.Source is { } source)
        {
            var fresh = new TimeRange(state.Aggregate(source).Watermark ?? Instant.MinValue, ClosedEnd(session, state, source, range));
            var last = fresh.IsEmpty ? null : Edge(session, state, source.Source, fresh, "max", range ?? TimeRange.All);
            end = Instant.Min(end, last is null ? fresh.From : source.Bucket.End(source.Bucket.Floor(last.Value)));
        }

        return Instant.Min(aggregate.Bucket.Floor(end), range?.To ?? Instant.MaxValue);
    }

    /// <summary>
    /// The first or last instant in the range that an aggregate, or raw (null), holds; planned, once it is refreshed over that range.
    /// </summary>
    private static Instant? Edge(
        Session session,
        StoreState state,
        AggregateDefinition? source,
        TimeRange range,
        string minOrMax,
        TimeRange? planned)
    {
        if (source is null)
        {
            // Chunks don't overlap: the first one that holds a row settles it, and the others aren't asked.
            var chunks = minOrMax == "min" ? state.ChunksIn(range) : state.ChunksIn(range).Reverse();
            return chunks
                .Select(c => InstantOf(
                    session.Scalar($"SELECT {minOrMax}({DuckDbSql.RawMicros}) FROM {c.Table} WHERE {DuckDbSql.WithinTime(range)}")))
                .FirstOrDefault(edge => edge is not null);
        }

        var stored = $"SELECT bucket FROM {DuckDbSql.Table(source)} WHERE {DuckDbSql.Within("bucket", range)}";
        var invalid = planned is { } refreshed
            ? $" UNION ALL SELECT bucket FROM ({DuckDbSql.Invalid(state, source, range.Intersect(refreshed))})"
            : "";
        var tail = range with { From = Instant.Max(range.From, state.Aggregate(source).Watermark ?? Instant.MinValue) };
        Instant?[] edges =
        [
            InstantOf(session.Scalar($"SELECT epoch_us({minOrMax}(bucket)) FROM ({stored}{invalid})")),
            planned is not null && !tail.IsEmpty ? Edge(session, state, source.Source, tail, minOrMax, planned) : null,
        ];
        return minOrMax == "min" ? edges.Min() : edges.Max();
    }

    private static List<Instant> Buckets(Session session, string sql)
    {
        var buckets = new List<Instant>();
        using var rows = session.Query(sql, streaming: false);
        while (rows.Read())
        {
            buckets.Add(new Instant(rows.GetInt64(0)));
        }

        return buckets;
    }

    private static Instant? InstantOf(object? micros)
        => micros is null ? null : new Instant(Convert.ToInt64(micros, CultureInfo.InvariantCulture));
}
