namespace Tidemark.DuckDb;

/// <remarks>
/// A table takes a block of the file at least, and every checkpoint writes the catalog of all of them. So chunk intervals that hold
/// little share a table, as keys share the leaves of a B-tree: one that outgrows <see cref="DuckDbOptions.SharedReadings"/> is divided
/// between two intervals.
/// </remarks>
public sealed partial class DuckDbStore
{
    // About how many readings chunks hold, never fewer; on the writer's thread.
    private readonly Dictionary<int, long> _readings = [];

    private BucketWidth ChunkWidth { get; }

    /// <summary>The chunk interval that holds the instant.</summary>
    private TimeRange IntervalOf(Instant instant) => new(ChunkWidth.Floor(instant), ChunkWidth.End(instant));

    private bool IsShared(Chunk chunk) => IntervalOf(chunk.Range.From).To < chunk.Range.To;

    private long Readings(Chunk chunk)
        => _readings.TryGetValue(chunk.Id, out var readings) ? readings : _readings[chunk.Id] = Count(_session, chunk);

    /// <summary>Readies chunks for what a batch brings, by the starts of intervals: each gets an open one, none too full.</summary>
    private StoreState MakeRoom(StoreState state, SortedDictionary<Instant, long> added)
    {
        var coming = new Dictionary<int, long>();
        var before = state;
        foreach (var (start, readings) in added)
        {
            var chunk = state.ChunkAt(start);
            if (chunk is null)
            {
                var interval = IntervalOf(start);
                chunk = Neighbours(state, start).FirstOrDefault(
                    c => !c.Compressed && Readings(c) + coming.GetValueOrDefault(c.Id) + readings <= _options.SharedReadings);
                chunk = chunk is null
                    ? Create(state.Metrics, new Chunk(_nextChunk++, interval, Compressed: false, BytesBefore: 0, HasMap: false))
                    : chunk with { Range = chunk.Range.Span(interval) };
                state = state.With(chunk);
            }
            else if (chunk.Compressed)
            {
                chunk = chunk with { Compressed = false };
                state = state.With(chunk);
            }

            coming[chunk.Id] = coming.GetValueOrDefault(chunk.Id) + readings;
        }

        var changed = !ReferenceEquals(state, before);
        foreach (var chunk in state.Chunks.Where(c => coming.ContainsKey(c.Id)))
        {
            if (changed)
            {
                Change(chunk);
            }

            if (IsShared(chunk) && Readings(chunk) + coming[chunk.Id] > _options.SharedReadings)
            {
                state = Divide(state, chunk, added);
            }
            else if (_readings.ContainsKey(chunk.Id))
            {
                _readings[chunk.Id] += coming[chunk.Id];
            }
        }

        return state;
    }

    private static IEnumerable<Chunk> Neighbours(StoreState state, Instant instant)
    {
        var next = state.FirstEndingAfter(instant);
        for (var i = Math.Max(0, next - 1); i <= next && i < state.Chunks.Length; i++)
        {
            yield return state.Chunks[i];
        }
    }

    /// <summary>Divides a shared chunk so that its parts have room, an interval with many readings alone.</summary>
    private StoreState Divide(StoreState state, Chunk chunk, SortedDictionary<Instant, long> added)
    {
        var intervals = new SortedDictionary<Instant, long>(CountByInterval(chunk, chunk.Range));
        foreach (var (start, readings) in added.Where(a => chunk.Range.Contains(a.Key)))
        {
            intervals[start] = intervals.GetValueOrDefault(start) + readings;
        }

        if (intervals.Values.Sum() <= _options.SharedReadings)
        {
            _readings[chunk.Id] = intervals.Values.Sum();
            return state;
        }

        var parts = new List<TimeRange>();
        var held = 0L;
        foreach (var (start, readings) in intervals)
        {
            if (parts.Count > 0 && held + readings <= _options.SharedReadings / 2)
            {
                parts[^1] = parts[^1] with { To = IntervalOf(start).To };
                held += readings;
            }
            else
            {
                parts.Add(IntervalOf(start));
                held = readings;
            }
        }

        state = Rearrange(state, [chunk], [.. parts.Select(part => new Chunk(_nextChunk++, part, false, 0, chunk.HasMap))]);
        foreach (var part in parts.Select(p => state.ChunkAt(p.From)!))
        {
            _readings[part.Id] = intervals.Where(i => part.Range.Contains(i.Key)).Sum(i => i.Value);
        }

        return state;
    }

    /// <summary>Puts the readings of chunks, which are few, into others, in (sensor, time) order.</summary>
    private StoreState Rearrange(StoreState state, IReadOnlyList<Chunk> from, IReadOnlyList<Chunk> to)
    {
        var hasMap = state.Metrics.HasMap;
        _session.Execute("CREATE OR REPLACE TEMP TABLE moving AS SELECT * FROM internal.latest WHERE false");
        foreach (var chunk in from)
        {
            _session.Execute($"INSERT INTO moving SELECT {DuckDbSql.RawColumns(state.Metrics, chunk.HasMap, hasMap)} FROM {chunk.Table}");
            Drop(chunk);
        }

        state = state.Without(from);
        foreach (var chunk in to)
        {
            Create(state.Metrics, chunk);
            _readings[chunk.Id] = _session.Execute(
                $"""
                INSERT INTO {chunk.Table} SELECT {DuckDbSql.RawColumns(state.Metrics, hasMap, chunk.HasMap)} FROM moving
                WHERE {DuckDbSql.WithinTime(chunk.Range)} ORDER BY sensor, minute, micros
                """);
            state = state.With(chunk);
        }

        _session.Execute("DROP TABLE moving");
        return state;
    }

    /// <summary>The readings that a part of a chunk holds, by the starts of their intervals.</summary>
    private Dictionary<Instant, long> CountByInterval(Chunk chunk, TimeRange range)
    {
        var counts = new Dictionary<Instant, long>();
        var origin = ChunkWidth.End(chunk.Range.From).Micros - ChunkWidth.Micros;
        using var rows = _session.Query(
            $"""
            SELECT min({DuckDbSql.RawMicros}), count(*) FROM {chunk.Table}
            WHERE {DuckDbSql.WithinTime(range)} GROUP BY ({DuckDbSql.RawMicros} - {origin}) // {ChunkWidth.Micros}
            """,
            streaming: false);
        while (rows.Read())
        {
            counts.Add(IntervalOf(new Instant(rows.GetInt64(0))).From, rows.GetInt64(1));
        }

        return counts;
    }

    private Chunk Create(MetricCatalog metrics, Chunk chunk)
    {
        _session.Execute(DuckDbSql.CreateRaw(chunk.Table, metrics, chunk.HasMap));
        _session.Execute(
            "INSERT INTO internal.chunks VALUES ($1, $2, $3, $4, $5)",
            chunk.Id, chunk.Range.From.Micros, chunk.Range.To.Micros, chunk.Compressed, chunk.BytesBefore);
        NoteFormat(chunk);
        return chunk;
    }

    /// <summary>Gives a chunk the map of metrics without columns.</summary>
    private StoreState AddMap(StoreState state, Chunk chunk)
    {
        if (chunk.HasMap)
        {
            return state;
        }

        _session.Execute(DuckDbSql.AddMap(chunk.Table));
        return state.With(chunk with { HasMap = true });
    }

    /// <summary>Brings the catalog up to the range of a chunk and whether it is compressed.</summary>
    private Chunk Change(Chunk chunk)
    {
        _session.Execute(
            "UPDATE internal.chunks SET range_start = $2, range_end = $3, compressed = $4 WHERE chunk = $1",
            chunk.Id, chunk.Range.From.Micros, chunk.Range.To.Micros, chunk.Compressed);
        NoteFormat(chunk);
        return chunk;
    }

    private void NoteFormat(Chunk chunk)
    {
        if (IsShared(chunk) && Setting("format") == FormatVersion)
        {
            SetSetting("format", SharedChunksVersion);
        }
    }

    private void Drop(Chunk chunk)
    {
        _session.Execute($"DROP TABLE {chunk.Table}");
        _session.Execute("DELETE FROM internal.chunks WHERE chunk = $1", chunk.Id);
        _readings.Remove(chunk.Id);
    }
}
