using System.Collections.Concurrent;
using Microsoft.Extensions.Caching.Memory;

namespace Tidemark.DuckDb;

/// <summary>
/// Raw readings in memory, by sensor and column: a page is a day of a few neighbouring sensors. A table that is still written has the
/// readings of all sensors between each other, and a day of one is a scan of that day; so the first reader of a page pays for it. Then the
/// writer adds what it commits, and lets a page go to which more than newer readings came.
/// </summary>
/// <param name="sensors">The store's.</param>
/// <param name="room">Whose least recently used pages are let go.</param>
/// <param name="isCurrent">Whether a state is the store's, and no commit under way that changes it.</param>
internal sealed class RawPages(SensorTable sensors, MemoryCache room, Func<StoreState, bool> isCurrent)
{
    private const int SensorsPerPage = 4;
    private const int MostDays = 4;
    private const long Day = 86_400_000_000;

    // Two MiB. A page that would hold more is none: its sensors are read from the database.
    private const int MostValues = 262_144;
    private const int MostMetrics = 32;

    private readonly ConcurrentDictionary<int, Neighbours> _neighbours = new();
    private long _begun;
    private long _ended;

    /// <summary>Sensors that share pages. Under the lock a reader takes what a commit adds either whole or not at all.</summary>
    private sealed class Neighbours
    {
        public Lock Lock { get; } = new();

        public Dictionary<long, RawPage> Pages { get; } = [];

        /// <summary>Of what was added.</summary>
        public long LastDay { get; set; } = long.MinValue;
    }

    /// <summary>Adds one sensor's readings of the range, ascending.</summary>
    /// <param name="batch">Where they are added.</param>
    /// <param name="limit">How many, at most.</param>
    /// <param name="session">Reads missing pages; null to read none.</param>
    /// <param name="state">What is read.</param>
    /// <param name="metrics">The batch's.</param>
    /// <param name="range">From the first chunk's begin on.</param>
    /// <param name="sensor">Its key.</param>
    /// <returns>False, with nothing added, when they aren't in pages or more than the limit.</returns>
    public bool TryAdd(
        ReadingBatch batch, int limit, Session? session, StoreState state, Selection metrics, TimeRange range, int sensor)
    {
        if (OfNeighbours(state.Metrics, sensor / SensorsPerPage) is not { } all)
        {
            return false;
        }

        var neighbours = _neighbours.GetOrAdd(sensor / SensorsPerPage, static _ => new Neighbours());
        var missing = new List<RawPage>();
        var (first, last) = (DayOf(range.From.Micros), DayOf(range.To.Micros - 1));
        lock (neighbours.Lock)
        {
            // Behind the sensor's last reading there is nothing; what is added here is behind it for a moment.
            last = Math.Min(last, Math.Max(neighbours.LastDay, DayOf(sensors.Latest(sensor)!.TimeMicros)));
            if (last - first >= MostDays)
            {
                return false;
            }

            for (var day = first; day <= last; day++)
            {
                if (neighbours.Pages.TryGetValue(day, out var page) && page.Metrics == all)
                {
                    if (!page.IsComplete)
                    {
                        return false;
                    }
                }
                else if (session is null)
                {
                    return false;
                }
                else
                {
                    // From here on the writer knows it: a commit that its statement doesn't see makes it stale.
                    page = neighbours.Pages[day] = new RawPage(day, all);
                    missing.Add(page);
                }
            }

            if (missing.Count == 0)
            {
                return TryCopy(neighbours, first, last, batch, limit, metrics, range, sensor);
            }
        }

        Read(session!, state, neighbours, missing, sensor - (sensor % SensorsPerPage));
        var seen = Volatile.Read(ref _begun);
        lock (neighbours.Lock)
        {
            // A commit that was read, and isn't added to the other pages yet, would be seen in part.
            return Volatile.Read(ref _ended) >= seen && TryCopy(neighbours, first, last, batch, limit, metrics, range, sensor);
        }
    }

    /// <summary>From here on readers may see the next commit in the database.</summary>
    public void BeginCommit() => Interlocked.Increment(ref _begun);

    /// <summary>What it wrote is added, or it failed.</summary>
    public void EndCommit() => Volatile.Write(ref _ended, _begun);

    /// <summary>Adds what one batch wrote of one sensor. After the commit, before it is acknowledged.</summary>
    public void Add(WrittenRun run)
    {
        if (!_neighbours.TryGetValue(run.Sensor / SensorsPerPage, out var neighbours))
        {
            return;
        }

        lock (neighbours.Lock)
        {
            for (var start = run.Start; start < run.End;)
            {
                var (day, end) = (DayOf(run.TimeOf(start)), start + 1);
                while (end < run.End && DayOf(run.TimeOf(end)) == day)
                {
                    end++;
                }

                neighbours.LastDay = Math.Max(neighbours.LastDay, day);
                if (neighbours.Pages.TryGetValue(day, out var page))
                {
                    Add(neighbours, page, run with { Start = start, End = end });
                }

                start = end;
            }
        }
    }

    /// <summary>Adds what lies in one day.</summary>
    private void Add(Neighbours neighbours, RawPage page, WrittenRun run)
    {
        int[] places = [.. run.Metrics.Ids.Select(id => page.Metrics.Place(id))];
        var size = page.Bytes;
        for (var i = run.Start; i < run.End; i++)
        {
            if (!page.TryAdd(run.Sensor % SensorsPerPage, run.Batch, run.Rows[i], places))
            {
                Forget(neighbours, page);
                return;
            }
        }

        if (page.Values > MostValues)
        {
            Forget(neighbours, page);
        }
        else if (page.Bytes != size)
        {
            Keep(neighbours, page);
        }
    }

    /// <summary>Lets all go. After the commit of what changed more than a write does.</summary>
    public void Clear()
    {
        foreach (var neighbours in _neighbours.Values)
        {
            lock (neighbours.Lock)
            {
                foreach (var page in neighbours.Pages.Values.ToList())
                {
                    Forget(neighbours, page);
                }
            }
        }
    }

    private static long DayOf(long micros) => (micros / Day) - (micros % Day < 0 ? 1 : 0);

    /// <summary>The metrics that one of the page's sensors ever sent, or that are configured; null when they are many.</summary>
    private Selection? OfNeighbours(MetricCatalog catalog, int page)
    {
        var sent = MetricSet.Empty;
        for (var key = page * SensorsPerPage; key < Math.Min(sensors.Count, (page + 1) * SensorsPerPage); key++)
        {
            sent = sensors.Sets.Union(sent, sensors.Sent(key));
        }

        return catalog.AnswerOf(sent) is { Count: <= MostMetrics } all ? all : null;
    }

    private void Read(Session session, StoreState state, Neighbours neighbours, List<RawPage> pages, int firstSensor)
    {
        var read = new Dictionary<RawPage, RawPage.Rows?>();
        try
        {
            foreach (var page in pages)
            {
                read[page] = ReadRows(session, state, page, firstSensor);
            }
        }
        finally
        {
            // Of a chunk that was divided meanwhile the state knows one half alone.
            var isWhole = isCurrent(state);
            lock (neighbours.Lock)
            {
                foreach (var page in pages)
                {
                    if (!isWhole || page.IsStale || !read.TryGetValue(page, out var rows))
                    {
                        Forget(neighbours, page);
                    }
                    else
                    {
                        page.Complete(rows);
                        Keep(neighbours, page);
                    }
                }
            }
        }
    }

    /// <returns>Null when they are more than a page may have.</returns>
    private static RawPage.Rows? ReadRows(Session session, StoreState state, RawPage page, int firstSensor)
    {
        var day = new TimeRange(Instant.Clamp(page.Day * Day), Instant.Clamp((page.Day + 1) * Day));
        Chunk[] chunks = [.. state.ChunksIn(day)];
        var rows = new RawPage.Rows(SensorsPerPage, page.Metrics.Count);
        if (chunks.Length == 0)
        {
            return rows;
        }

        var most = MostValues / (1 + page.Metrics.Count);
        using var found = session.QueryPrepared(
            $"{DuckDbSql.RawOfSensors(chunks, page.Metrics)} LIMIT {most + 1}",
            firstSensor,
            firstSensor + SensorsPerPage,
            DuckDbSql.Minute(day.From),
            DuckDbSql.Minute(new Instant(day.To.Micros - 1)));
        var values = new double[page.Metrics.Count];
        while (found.Read())
        {
            if (rows.Count == most)
            {
                return null;
            }

            found.Doubles(2, values);
            rows.Add(found.GetInt32(0) - firstSensor, found.GetInt64(1), values);
        }

        return rows;
    }

    private bool TryCopy(
        Neighbours neighbours, long first, long last, ReadingBatch batch, int limit, Selection metrics, TimeRange range, int sensor)
    {
        var pages = new List<RawPage>();
        for (var day = first; day <= last; day++)
        {
            if (!neighbours.Pages.TryGetValue(day, out var page) || !page.IsComplete)
            {
                return false;
            }

            pages.Add(page);
        }

        if (pages.Sum(page => page.CountIn(sensor % SensorsPerPage, range)) > limit)
        {
            return false;
        }

        foreach (var page in pages)
        {
            room.TryGetValue(page, out _);
            page.CopyTo(batch, sensors.Id(sensor), sensor % SensorsPerPage, range, metrics);
        }

        return true;
    }

    private void Keep(Neighbours neighbours, RawPage page)
    {
        var options = new MemoryCacheEntryOptions { Size = page.Bytes };
        room.Set(page, page, options.RegisterPostEvictionCallback((_, _, reason, _) =>
        {
            if (reason is not EvictionReason.Replaced)
            {
                lock (neighbours.Lock)
                {
                    page.IsStale = true;
                    if (neighbours.Pages.GetValueOrDefault(page.Day) == page)
                    {
                        neighbours.Pages.Remove(page.Day);
                    }
                }
            }
        }));
    }

    private void Forget(Neighbours neighbours, RawPage page)
    {
        page.IsStale = true;
        if (neighbours.Pages.GetValueOrDefault(page.Day) == page)
        {
            neighbours.Pages.Remove(page.Day);
        }

        room.Remove(page);
    }
}
