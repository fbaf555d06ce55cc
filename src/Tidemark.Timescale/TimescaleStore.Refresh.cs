using System.Diagnostics;
using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    // What one call of a refresh takes on: between two of them it can be stopped and tells its progress.
    private const long BytesPerSlice = 256L << 20;
    private const int SourceBucketsPerSlice = 31 * 24;

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
        var chain = WithSources(aggregate, range).ToList();
        await _maintenance.WaitAsync(cancellationToken);
        try
        {
            var results = new List<RefreshResult>();
            foreach (var (part, partRange) in chain)
            {
                results.Add(await RefreshOneAsync(part, partRange, progress, cancellationToken));
            }

            return results;
        }
        finally
        {
            _maintenance.Release();
        }
    }

    /// <summary>The aggregate after its sources, each with the range widened to whole buckets of the coarsest.</summary>
    private static IEnumerable<(AggregateDefinition Aggregate, TimeRange? Range)> WithSources(
        AggregateDefinition aggregate,
        TimeRange? range)
    {
        var widened = range is { } r ? r.Widen(aggregate.Bucket) : (TimeRange?)null;
        return (aggregate.Source is null ? [] : WithSources(aggregate.Source, widened)).Append((aggregate, widened));
    }

    private async Task<RefreshResult> RefreshOneAsync(
        AggregateDefinition aggregate,
        TimeRange? range,
        IProgress<StoreProgress>? progress,
        CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var rows = await _database.ChangeAsync(
            connection => RefreshInvalidAsync(connection, aggregate, range, cancellationToken),
            cancellationToken);
        Instant? first = null;
        var searched = Instant.MinValue;
        while (await _database.ChangeAsync(
            connection => RefreshNewAsync(connection, aggregate, range, searched, cancellationToken),
            cancellationToken) is { } slice)
        {
            rows += slice.Rows;
            searched = slice.Range.To;
            first ??= slice.Range.From;
            progress?.Report(new StoreProgress(
                $"refresh {aggregate.Name}",
                slice.End <= first ? 1 : Math.Clamp((slice.Range.To - first.Value) / (slice.End - first.Value), 0, 1)));
        }

        if (aggregate == Schema.Finest)
        {
            await _database.ChangeAsync(connection => RefreshFleetAsync(connection, cancellationToken), cancellationToken);
        }

        progress?.Report(new StoreProgress($"refresh {aggregate.Name}", 1));
        cancellationToken.ThrowIfCancellationRequested();
        var watermark = await _database.ChangeAsync(
            async connection =>
            {
                await ExecuteAsync(
                    connection,
                    "UPDATE tidemark.aggregates SET last_refresh = $1 WHERE name = $2",
                    cancellationToken,
                    Now.Micros,
                    aggregate.Name);
                return (await LoadStateAsync(connection, cancellationToken)).Aggregate(aggregate).Watermark;
            },
            cancellationToken);
        return new RefreshResult(aggregate.Name, rows, watermark, Stopwatch.GetElapsedTime(started));
    }

    /// <summary>Brings the buckets over all sensors to where the finest aggregate is.</summary>
    private async Task<bool> RefreshFleetAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var finest = (await LoadStateAsync(connection, cancellationToken)).Aggregate(Schema.Finest);
        var behind = finest.Watermark is { } watermark
            && (finest.Fleet != watermark || await IsLoggedAsync(
                connection,
                $"{finest.Definition.Name} fleet",
                new TimeRange(finest.Horizon ?? Instant.MinValue, watermark),
                cancellationToken));
        if (behind)
        {
            await CallRefreshAsync(connection, TimescaleSql.FleetView, finest.Horizon, finest.Watermark!.Value, cancellationToken);
        }

        return behind;
    }

    /// <summary>Writes invalid buckets again and passes on what that makes invalid.</summary>
    /// <returns>The rows written.</returns>
    private async Task<long> RefreshInvalidAsync(
        NpgsqlConnection connection,
        AggregateDefinition aggregate,
        TimeRange? range,
        CancellationToken cancellationToken)
    {
        var state = await LoadStateAsync(connection, cancellationToken);
        if (aggregate.Source is null)
        {
            await NoteChangesBySqlAsync(connection, state, cancellationToken);
        }

        var window = (range ?? TimeRange.All).Intersect(Rewritable(state, aggregate));
        if (window.IsEmpty)
        {
            return 0;
        }

        // What was noted until now is seen by the refresh that follows; what is noted later stays.
        var (noted, rows) = await NotedAsync(connection, "tidemark.pending", aggregate, window, cancellationToken);
        if (noted.Length == 0 && !await IsLoggedAsync(connection, aggregate.Name, window, cancellationToken))
        {
            return 0;
        }

        await CallRefreshAsync(connection, Identifier.Quote(aggregate.Table), window.From, window.To, cancellationToken);
        await ForgetAsync(connection, state, aggregate, noted, passOn: true, cancellationToken);
        return rows;
    }

    /// <summary>Materialises the next slice from the watermark on; up to <paramref name="searched"/> nothing is left.</summary>
    /// <returns>What it covered, the rows written and where closed buckets end; null when nothing is left.</returns>
    private async Task<(TimeRange Range, Instant End, long Rows)?> RefreshNewAsync(
        NpgsqlConnection connection, AggregateDefinition aggregate, TimeRange? range, Instant searched, CancellationToken cancellationToken)
    {
        var state = await LoadStateAsync(connection, cancellationToken);
        var rest = new TimeRange(state.Aggregate(aggregate).Watermark ?? Instant.MinValue, NewEnd(state, aggregate, range));
        var search = rest with { From = Instant.Max(rest.From, searched) };
        if (search.IsEmpty || await NextSliceAsync(connection, aggregate, search, cancellationToken) is not { } slice)
        {
            return null;
        }

        if (aggregate.Source is null)
        {
            await AnnounceAsync(connection, aggregate, slice.To, cancellationToken);
        }

        // The window begins at the watermark, whatever was found: a reading that arrives meanwhile is never skipped.
        var window = rest with { To = slice.To };
        var (noted, _) = await NotedAsync(connection, "tidemark.invalidations", aggregate, window, cancellationToken);
        await CallRefreshAsync(
            connection,
            Identifier.Quote(aggregate.Table),
            state.Aggregate(aggregate).Watermark,
            window.To,
            cancellationToken);
        await ForgetAsync(connection, state, aggregate, noted, passOn: false, cancellationToken);
        var watermark = (await LoadStateAsync(connection, cancellationToken)).Aggregate(aggregate).Watermark ?? rest.From;
        if (aggregate.Source is null)
        {
            await ExecuteAsync(connection, $"SELECT tidemark.note_sensors({Literal(rest.From)})", cancellationToken);
        }

        var parts = new SqlParts();
        var rows = await LongAsync(connection, parts, $"SELECT count(*) FROM {Sql.Table(aggregate)} WHERE "
            + $"{TimescaleSql.Within(parts, Identifier.Quote(aggregate.BucketColumn), rest with { To = watermark })}", cancellationToken);
        return (slice, rest.To, rows);
    }

    /// <summary>Where closed buckets end: at now, the source's watermark and the range's end.</summary>
    private Instant NewEnd(StoreState state, AggregateDefinition aggregate, TimeRange? range)
    {
        var end = aggregate.Source is null ? Now : Instant.Min(Now, state.Aggregate(aggregate.Source).Watermark ?? Instant.MinValue);
        return Instant.Min(aggregate.Bucket.Floor(end), range?.To ?? Instant.MaxValue);
    }

    /// <summary>From the first chunk or bucket of the source on, as much as one call takes on; null when there is none.</summary>
    private async Task<TimeRange?> NextSliceAsync(
        NpgsqlConnection connection,
        AggregateDefinition aggregate,
        TimeRange rest,
        CancellationToken cancellationToken)
    {
        Instant? first = null;
        Instant end;
        if (aggregate.Source is { } source)
        {
            first = await EdgeOfBucketsAsync(connection, source, rest, "min", cancellationToken);
            end = first is null ? rest.From : aggregate.Bucket.Floor(first.Value + (source.Bucket.Approximate * SourceBucketsPerSlice));
        }
        else
        {
            var bytes = 0L;
            end = rest.From;
            foreach (var chunk in (await ChunksAsync(connection, cancellationToken)).Where(c => c.Range.Overlaps(rest))
                .TakeWhile(_ => bytes < BytesPerSlice))
            {
                first ??= chunk.Range.From;
                end = aggregate.Bucket.Floor(chunk.Range.To);
                bytes += chunk.Bytes;
            }

            end = bytes < BytesPerSlice ? rest.To : end;
        }

        return first is null
            ? null
            : new TimeRange(
                Instant.Max(first.Value, rest.From),
                Instant.Min(rest.To, Instant.Max(end, aggregate.Bucket.End(aggregate.Bucket.Floor(Instant.Max(first.Value, rest.From))))));
    }

    private async Task CallRefreshAsync(
        NpgsqlConnection connection,
        string view,
        Instant? from,
        Instant to,
        CancellationToken cancellationToken)
    {
        // One pass over each invalid range: with the slices above, batches of TimescaleDB's own would only add transactions.
        var options = _refreshOptions ? ", options => '{\"buckets_per_batch\": 0}'::jsonb" : "";
        var call = $"CALL refresh_continuous_aggregate('{view}', {Literal(from)}, {Literal(to)}{options})";
        await ExecuteAsync(connection, call, cancellationToken);
    }

    private static string Literal(Instant? instant) => instant is { } i ? TimescaleSql.Literal(i) : "NULL::timestamptz";

    private static async Task<long> LongAsync(NpgsqlConnection connection, SqlParts parts, string sql, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        Add(batch, parts.ToBatchCommand(sql));
        return (long)(await batch.ExecuteScalarAsync(cancellationToken))!;
    }
}
