using System.Collections.Concurrent;
using Microsoft.Extensions.Caching.Memory;

namespace Tidemark.DuckDb;

/// <summary>
/// Partials in memory, read from the database in pages of neighbouring sensors: materialised ones by spans of buckets, and those of the
/// short tail that raw readings beyond the watermark make. A statement of DuckDB takes about as long for one row as for a hundred, and an
/// answer for one sensor is made of one per level; so the first reader of a page pays for it and the others find it. The least
/// recently used pages are let go.
/// </summary>
internal sealed class PartialPages(DuckDbSql sql, int metrics) : IDisposable
{
    private const int SensorsPerPage = 16;
    private const int BucketsPerPage = 512;
    private const int MostPagesOfARead = 4;
    private const int MostBucketsOfATail = 4;
    private const long MaxBytes = 64L << 20;

    // Of wider ones a page spans all of time.
    private static readonly long WidestBucket = (Instant.MaxValue.Micros - Instant.MinValue.Micros) / BucketsPerPage;

    private readonly MemoryCache _pages = new(new MemoryCacheOptions { SizeLimit = MaxBytes });

    // How often sensors of a page were written to since the store was opened.
    private readonly ConcurrentDictionary<int, int> _writes = new();

    private readonly record struct Key(string Aggregate, long Span, int Sensors);

    private readonly record struct TailKey(string Aggregate, int Sensors);

    /// <summary>Buckets from the watermark on, by sensor.</summary>
    private sealed record Tail(Instant Watermark, int Writes, PartialRows[] Rows);

    /// <summary>Adds one sensor's materialised rows whose buckets start in the range, which ends at the watermark or before.</summary>
    /// <returns>False, with nothing added, when the range is too long for pages.</returns>
    public bool TryAdd(PartialRows rows, Session session, AggregateState state, TimeRange range, int sensor)
    {
        var width = Math.Min((long)state.Definition.Bucket.Approximate.TotalMicroseconds, WidestBucket) * BucketsPerPage;
        var (first, last) = (FloorDivide(range.From.Micros, width), FloorDivide(range.To.Micros - 1, width));
        if (last - first >= MostPagesOfARead)
        {
            return false;
        }

        for (var span = first; span <= last; span++)
        {
            Find(session, state, new Key(state.Definition.Name, span, sensor / SensorsPerPage), width).AddTo(rows, sensor, range);
        }

        return true;
    }

    /// <summary>Adds one sensor's rows made of raw readings; the range begins at the watermark or later, with a bucket.</summary>
    /// <returns>False, with nothing added, when the tail is too long to be read for neighbours too.</returns>
    public bool TryAddTail(
        PartialRows rows,
        Session session,
        StoreState state,
        AggregateDefinition aggregate,
        TimeRange range,
        int sensor,
        Instant last)
    {
        if (state.Aggregate(aggregate).Watermark is not { } watermark
            || (last - watermark) / MostBucketsOfATail > aggregate.Bucket.Approximate)
        {
            return false;
        }

        var key = new TailKey(aggregate.Name, sensor / SensorsPerPage);
        var writes = _writes.GetValueOrDefault(key.Sensors);
        if (!_pages.TryGetValue(key, out Tail? tail) || tail!.Watermark != watermark || tail.Writes != writes)
        {
            tail = new Tail(watermark, writes, ReadTail(session, state, aggregate, key.Sensors * SensorsPerPage, watermark));
            _pages.Set(key, tail, new MemoryCacheEntryOptions { Size = 1024 + (tail.Rows.Sum(r => r.Count) * 8L * (4 + (4 * metrics))) });
        }

        tail.Rows[sensor % SensorsPerPage].AddTo(rows, range);
        return true;
    }

    /// <summary>Lets the tails of sensors be read again. After the commit, so that no tail is taken for newer than it is.</summary>
    public void Written(IEnumerable<int> sensors)
    {
        foreach (var page in sensors.Select(sensor => sensor / SensorsPerPage).Distinct())
        {
            _writes.AddOrUpdate(page, 1, static (_, writes) => writes + 1);
        }
    }

    public void Dispose() => _pages.Dispose();

    private PartialRows[] ReadTail(Session session, StoreState state, AggregateDefinition aggregate, int firstSensor, Instant from)
    {
        var tail = Enumerable.Range(0, SensorsPerPage).Select(_ => new PartialRows(metrics, aggregate.Bucket)).ToArray();
        Span<double> values = stackalloc double[metrics];
        foreach (var chunk in state.ChunksIn(new TimeRange(from, Instant.MaxValue)))
        {
            using var found = session.QueryPrepared(
                sql.RawOfSensors(chunk),
                firstSensor,
                firstSensor + SensorsPerPage,
                DuckDbSql.Minute(from));
            while (found.Read())
            {
                var time = found.GetInt64(1);
                if (time >= from.Micros)
                {
                    found.Doubles(2, values);
                    tail[found.GetInt32(0) - firstSensor].Add(time, values);
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
    private Page Find(Session session, AggregateState state, Key key, long width)
    {
        var span = new TimeRange(Instant.Clamp(key.Span * width), Instant.Clamp((key.Span + 1) * width));
        var watermark = state.Watermark!.Value;
        if (_pages.TryGetValue(key, out Page? page) && page!.Rewrites == state.Rewrites && page.UpTo >= Instant.Min(span.To, watermark))
        {
            return page;
        }

        page = Page.Read(
            session,
            sql.PartialsOfSensors(state.Definition),
            key.Sensors * SensorsPerPage,
            span,
            watermark,
            state.Rewrites,
            metrics);
        return _pages.Set(key, page, new MemoryCacheEntryOptions { Size = page.Bytes });
    }

    private static long FloorDivide(long value, long by) => (value / by) - (value % by < 0 ? 1 : 0);

    /// <summary>Rows by sensor, then bucket.</summary>
    private sealed class Page(int firstSensor, Instant upTo, int rewrites, int width)
    {
        private readonly int[] _ends = new int[SensorsPerPage];
        private long[] _buckets = [];
        private long[] _readings = [];
        private double[] _partials = [];

        public Instant UpTo => upTo;

        public int Rewrites => rewrites;

        public long Bytes => 256 + (_buckets.LongLength * 8 * (2 + width));

        public static Page Read(Session session, string sql, int firstSensor, TimeRange span, Instant watermark, int rewrites, int metrics)
        {
            var page = new Page(firstSensor, watermark, rewrites, 4 * metrics);
            var (buckets, readings, partials) = (new List<long>(), new List<long>(), new List<double>());
            Span<double> row = stackalloc double[4 * metrics];
            using var found = session.QueryPrepared(
                sql,
                firstSensor,
                firstSensor + SensorsPerPage,
                span.From.ToDateTime(),
                span.To.ToDateTime());
            while (found.Read())
            {
                buckets.Add(found.GetInt64(1));
                readings.Add(found.GetInt64(2));
                found.Doubles(3, row);
                partials.AddRange(row);
                page._ends[found.GetInt32(0) - firstSensor] = buckets.Count;
            }

            for (var i = 1; i < SensorsPerPage; i++)
            {
                page._ends[i] = Math.Max(page._ends[i], page._ends[i - 1]);
            }

            (page._buckets, page._readings, page._partials) = ([.. buckets], [.. readings], [.. partials]);
            return page;
        }

        public void AddTo(PartialRows rows, int sensor, TimeRange range)
        {
            var index = sensor - firstSensor;
            var start = index == 0 ? 0 : _ends[index - 1];
            var end = _ends[index];
            var from = Array.BinarySearch(_buckets, start, end - start, range.From.Micros);
            for (var row = from < 0 ? ~from : from; row < end && _buckets[row] < range.To.Micros; row++)
            {
                rows.AddPartial(_buckets[row], _readings[row], _partials.AsSpan(row * width, width));
            }
        }
    }
}
