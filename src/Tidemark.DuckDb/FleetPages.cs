using Microsoft.Extensions.Caching.Memory;

namespace Tidemark.DuckDb;

/// <summary>
/// What is kept over all sensors together: of one metric the partials of materialised buckets, in pages by spans of them, and those of the
/// tail that raw readings beyond the watermark make. Averages over the fleet read a row a bucket, however many sensors there are.
/// </summary>
/// <param name="room">Whose least recently used pages are let go.</param>
internal sealed class FleetPages(MemoryCache room)
{
    private const int BucketsPerPage = 512;
    private const int MostPagesOfARead = 32;

    // A tail that may be longer isn't kept.
    private const int MostBucketsOfATail = 32_768;

    private readonly record struct Key(string Aggregate, short Metric, long Span);

    private readonly record struct TailKey(string Aggregate, short Metric);

    private sealed record Page(Instant UpTo, int Rewrites, PartialRows Rows);

    private sealed record Tail(Instant From, long Commits, PartialRows Rows);

    /// <summary>Adds materialised rows whose buckets start in the range, which ends at the watermark or before.</summary>
    /// <param name="rows">Of one metric.</param>
    /// <param name="session">Reads missing pages; null to read none.</param>
    /// <param name="state">What is read.</param>
    /// <param name="part">Which aggregate of it, and of which metric.</param>
    /// <returns>False when the range is too long for pages, or one is missing; some may be added.</returns>
    public bool TryAdd(PartialRows rows, Session? session, StoreState state, AggregateRows part)
    {
        var width = PartialPages.SpanOf(part.Aggregate, BucketsPerPage);
        var first = PartialPages.FloorDivide(part.Range.From.Micros, width);
        var last = PartialPages.FloorDivide(part.Range.To.Micros - 1, width);
        if (last - first >= MostPagesOfARead)
        {
            return false;
        }

        for (var span = first; span <= last; span++)
        {
            if (Find(session, state, part, span, width) is not { } page)
            {
                return false;
            }

            page.Rows.AddTo(rows, part.Range, [0]);
        }

        return true;
    }

    /// <summary>Adds rows made of raw readings; the range begins at the watermark or later, with a bucket.</summary>
    /// <param name="rows">Of one metric.</param>
    /// <param name="session">Reads what is missing; null to read nothing.</param>
    /// <param name="state">What is read.</param>
    /// <param name="part">Which aggregate of it, and of which metric.</param>
    /// <param name="commits">How many there were, at least, when the state was taken.</param>
    /// <returns>False when it is too long, or not in memory.</returns>
    public bool TryAddTail(PartialRows rows, Session? session, StoreState state, AggregateRows part, long commits)
    {
        if (state.Aggregate(part.Aggregate).Watermark is not { } from
            || (state.Chunks is [.., var chunk] && (chunk.Range.To - from) / MostBucketsOfATail > part.Aggregate.Bucket.Approximate))
        {
            return false;
        }

        var key = new TailKey(part.Aggregate.Name, part.Metrics.Metrics[0].Id);
        if (!room.TryGetValue(key, out Tail? tail) || tail!.From != from || tail.Commits != commits)
        {
            if (session is null)
            {
                return false;
            }

            var all = part with { Range = new TimeRange(from, Instant.MaxValue) };
            tail = new Tail(from, commits, Read(session, part.Aggregate.Bucket, DuckDbSql.FleetFromRaw(state, all)));
            Keep(key, tail, tail.Rows);
        }

        tail.Rows.AddTo(rows, part.Range, [0]);
        return true;
    }

    /// <remarks>See the remarks of <see cref="PartialPages"/> on states.</remarks>
    private Page? Find(Session? session, StoreState state, AggregateRows part, long span, long width)
    {
        var (rewrites, watermark) = (state.Aggregate(part.Aggregate).Rewrites, state.Aggregate(part.Aggregate).Watermark!.Value);
        var range = new TimeRange(Instant.Clamp(span * width), Instant.Clamp((span + 1) * width));
        var key = new Key(part.Aggregate.Name, part.Metrics.Metrics[0].Id, span);
        if (room.TryGetValue(key, out Page? page) && page!.Rewrites == rewrites && page.UpTo >= Instant.Min(range.To, watermark))
        {
            return page;
        }

        if (session is null)
        {
            return null;
        }

        var rows = Read(session, part.Aggregate.Bucket, DuckDbSql.FleetMaterialised(part with { Range = range }));
        page = new Page(watermark, rewrites, rows);
        Keep(key, page, rows);
        return page;
    }

    private void Keep(object key, object page, PartialRows rows)
        => room.Set(key, page, new MemoryCacheEntryOptions { Size = 256 + (rows.Count * 8L * 8) });

    private static PartialRows Read(Session session, BucketWidth bucket, string sql)
    {
        var rows = new PartialRows(1, bucket);
        using var found = session.Query(sql, streaming: true);
        while (found.Read())
        {
            rows.AddPartial(
                found.GetInt64(0), found.GetInt64(1), [found.DoubleOrNaN(2), found.GetDouble(3), double.NaN, double.NaN], [0]);
        }

        return rows;
    }
}
