using System.Collections.Concurrent;
using Microsoft.Extensions.Caching.Memory;

namespace Tidemark.DuckDb;

/// <summary>
/// Partials in memory, read from the database in pages of neighbouring sensors: materialised ones by spans of buckets, and those of the
/// short tail that raw readings beyond the watermark make. A statement of DuckDB takes about as long for one row as for a hundred, and an
/// answer for one sensor is made of one per level; so the first reader of a page pays for it and the others find it.
/// </summary>
/// <param name="sensors">The store's.</param>
/// <param name="room">Whose least recently used pages are let go.</param>
internal sealed partial class PartialPages(SensorTable sensors, MemoryCache room)
{
    private const int SensorsPerPage = 16;
    private const int BucketsPerPage = 512;
    private const int MostPagesOfARead = 4;
    private const int MostBucketsOfATail = 4;

    // The tails of neighbours that have little in common are read one by one.
    private const int MostMetricsOfATail = 32;

    // Of wider ones a page spans all of time.
    private static readonly long WidestBucket = (Instant.MaxValue.Micros - Instant.MinValue.Micros) / BucketsPerPage;

    // How often sensors of a page were written to since the store was opened.
    private readonly ConcurrentDictionary<int, int> _writes = new();

    private readonly record struct Key(string Aggregate, long Span, int Sensors);

    private readonly record struct TailKey(string Aggregate, int FirstSensor, int Count);

    /// <summary>Buckets from the watermark on, by sensor.</summary>
    private sealed record Tail(Instant Watermark, int Writes, Selection Metrics, PartialRows[] Rows);

    /// <summary>Adds one sensor's materialised rows whose buckets start in the range, which ends at the watermark or before.</summary>
    /// <returns>False when the range is too long for pages; with no session also when one isn't in memory, and some are added.</returns>
    public bool TryAdd(
        PartialRows rows, Session? session, StoreState state, AggregateDefinition aggregate, Selection metrics, TimeRange range, int sensor)
    {
        var width = SpanOf(aggregate, BucketsPerPage);
        var (first, last) = (FloorDivide(range.From.Micros, width), FloorDivide(range.To.Micros - 1, width));
        if (last - first >= MostPagesOfARead)
        {
            return false;
        }

        for (var span = first; span <= last; span++)
        {
            if (Find(session, state, new Key(aggregate.Name, span, sensor / SensorsPerPage), width, aggregate) is not { } page)
            {
                return false;
            }

            page.AddTo(rows, metrics, sensor, range);
        }

        return true;
    }

    /// <summary>Adds one sensor's rows made of raw readings; the range begins at the watermark or later, with a bucket.</summary>
    /// <returns>
    /// False, with nothing added, when the tail is too long to be read for neighbours too; with no session also when it isn't in memory.
    /// </returns>
    public bool TryAddTail(
        PartialRows rows,
        Session? session,
        StoreState state,
        AggregateDefinition aggregate,
        Selection metrics,
        TimeRange range,
        int sensor,
        Instant last)
    {
        if (state.Aggregate(aggregate).Watermark is not { } watermark
            || (last - watermark) / MostBucketsOfATail > aggregate.Bucket.Approximate)
        {
            return false;
        }

        var page = sensor / SensorsPerPage;
        var key = new TailKey(aggregate.Name, page * SensorsPerPage, SensorsPerPage);
        if (OfNeighbours(state.Metrics, page) is not { } all)
        {
            key = new TailKey(aggregate.Name, sensor, 1);
            all = state.Metrics.AnswerOf(sensors.Sent(sensor));
        }

        var writes = _writes.GetValueOrDefault(page);
        if (!room.TryGetValue(key, out Tail? tail) || tail!.Watermark != watermark || tail.Writes != writes || tail.Metrics != all)
        {
            if (session is null)
            {
                return false;
            }

            tail = new Tail(watermark, writes, all, ReadTail(session, state, aggregate, all, key, watermark));
            room.Set(key, tail, new MemoryCacheEntryOptions { Size = 1024 + (tail.Rows.Sum(r => r.Count) * 8L * (4 + (4 * all.Count))) });
        }

        var places = new int[all.Count];
        for (var m = 0; m < places.Length; m++)
        {
            places[m] = metrics.Place(all.Metrics[m].Id);
        }

        tail.Rows[sensor - key.FirstSensor].AddTo(rows, range, places);
        return true;
    }

    /// <summary>The metrics that one of the page's sensors ever sent, or that are configured; null when they are many.</summary>
    private Selection? OfNeighbours(MetricCatalog catalog, int page)
    {
        var sent = MetricSet.Empty;
        for (var key = page * SensorsPerPage; key < Math.Min(sensors.Count, (page + 1) * SensorsPerPage); key++)
        {
            sent = sensors.Sets.Union(sent, sensors.Sent(key));
            if (sent.Ids.Count > MostMetricsOfATail)
            {
                return null;
            }
        }

        return catalog.AnswerOf(sent);
    }

    /// <summary>Lets the tails of sensors be read again. After the commit, so that no tail is taken for newer than it is.</summary>
    public void Written(IEnumerable<int> sensors)
    {
        foreach (var page in sensors.Select(sensor => sensor / SensorsPerPage).Distinct())
        {
            _writes.AddOrUpdate(page, 1, static (_, writes) => writes + 1);
        }
    }

    private static PartialRows[] ReadTail(
        Session session, StoreState state, AggregateDefinition aggregate, Selection metrics, TailKey key, Instant from)
    {
        var tail = Enumerable.Range(0, key.Count).Select(_ => new PartialRows(metrics.Count, aggregate.Bucket)).ToArray();
        var values = new double[metrics.Count];
        foreach (var chunk in state.ChunksIn(new TimeRange(from, Instant.MaxValue)))
        {
            using var found = session.QueryPrepared(
                DuckDbSql.RawOfSensors(chunk, metrics),
                key.FirstSensor,
                key.FirstSensor + key.Count,
                DuckDbSql.Minute(from));
            while (found.Read())
            {
                var time = found.GetInt64(1);
                if (time >= from.Micros)
                {
                    found.Doubles(2, values);
                    tail[found.GetInt32(0) - key.FirstSensor].Add(time, values);
                }
            }
        }

        return tail;
    }

    /// <summary>The page as the state has it: not written again since it was read, and read up to the watermark or whole.</summary>
    /// <remarks>
    /// A page read while another state commits is stored as of the older one, which <see cref="DuckDbStore"/> then lets no reader use
    /// any more; so its rows always belong to the state it is found by.
    /// </remarks>
    private Page? Find(Session? session, StoreState state, Key key, long width, AggregateDefinition aggregate)
    {
        var rewrites = state.Aggregate(aggregate).Rewrites;
        var span = new TimeRange(Instant.Clamp(key.Span * width), Instant.Clamp((key.Span + 1) * width));
        var watermark = state.Aggregate(aggregate).Watermark!.Value;
        if (room.TryGetValue(key, out Page? page) && page!.Rewrites == rewrites && page.UpTo >= Instant.Min(span.To, watermark))
        {
            return page;
        }

        if (session is null)
        {
            return null;
        }

        page = Page.Read(
            session,
            state.Metrics,
            aggregate,
            key.Sensors * SensorsPerPage,
            span,
            watermark,
            rewrites);
        return room.Set(key, page, new MemoryCacheEntryOptions { Size = page.Bytes });
    }

    /// <summary>The span of so many buckets in microseconds.</summary>
    public static long SpanOf(AggregateDefinition aggregate, int buckets)
        => Math.Min((long)aggregate.Bucket.Approximate.TotalMicroseconds, WidestBucket) * buckets;

    public static long FloorDivide(long value, long by) => (value / by) - (value % by < 0 ? 1 : 0);
}
