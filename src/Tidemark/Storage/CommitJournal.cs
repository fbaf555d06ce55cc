namespace Tidemark.Storage;

/// <summary>What a commit did to one sensor, or to some of all.</summary>
/// <param name="SensorId">Null for some of all.</param>
/// <param name="First">The first reading's time, in microseconds since the epoch.</param>
/// <param name="Last">The last one's.</param>
/// <param name="Readings">How many.</param>
public sealed record CommitEntry(string? SensorId, long First, long Last, long Readings);

/// <summary>Collects what a commit does, by the engine's keys of sensors; beyond a number of sensors it tells of all together.</summary>
public sealed class CommitNote(int mostSensors)
{
    /// <summary>Stands for some of all sensors.</summary>
    public const int Many = -1;

    private readonly Dictionary<int, (long First, long Last, long Readings)> _entries = [];

    public bool IsEmpty => _entries.Count == 0;

    public IEnumerable<(int Sensor, long First, long Last, long Readings)> Entries
        => _entries.Select(e => (e.Key, e.Value.First, e.Value.Last, e.Value.Readings));

    public void Add(int sensor, long first, long last, long readings)
    {
        if (_entries.ContainsKey(Many) || (_entries.Count == mostSensors && !_entries.ContainsKey(sensor)))
        {
            var all = _entries.Values.Append((First: first, Last: last, Readings: readings)).ToList();
            _entries.Clear();
            _entries.Add(Many, (all.Min(e => e.First), all.Max(e => e.Last), all.Sum(e => e.Readings)));
            return;
        }

        _entries[sensor] = _entries.TryGetValue(sensor, out var known)
            ? (Math.Min(first, known.First), Math.Max(last, known.Last), known.Readings + readings)
            : (first, last, readings);
    }
}

/// <summary>Reads what entries of commits tell of, as it is stored now.</summary>
public static class CommitJournal
{
    // Beyond so many entries nobody is told more than that there were others.
    public const int MostEntries = 100_000;

    // More sensors of about the same time are read together, with what others have then. In microseconds.
    private const int MostAlone = 16;
    private const long AboutTheSame = 60_000_000;

    /// <param name="query">What is asked for.</param>
    /// <param name="position">Where the newest entry is.</param>
    /// <param name="entries">The newest first.</param>
    /// <param name="isCut">Whether there may have been others before.</param>
    /// <param name="read">The store's readings.</param>
    public static async Task<CommitsSince> ReadAsync(
        CommitQuery query,
        string position,
        IEnumerable<CommitEntry> entries,
        bool isCut,
        Func<RawQuery, IAsyncEnumerable<ReadingBatch>> read)
    {
        var plan = new Plan(query);
        foreach (var entry in entries)
        {
            plan.Add(entry);
        }

        var batches = new List<ReadingBatch>();
        var rest = plan.Taken == 0 ? 0 : query.Limit;
        foreach (var (raw, holds) in plan.Questions)
        {
            try
            {
                await foreach (var batch in read(raw))
                {
                    var rows = Enumerable.Range(0, batch.Count)
                        .Where(row => holds(batch.SensorIds[row], new Instant(batch.TimesMicros[row])))
                        .ToList();
                    isCut |= rows.Count > rest;
                    rows.RemoveRange(Math.Min(rest, rows.Count), rows.Count - Math.Min(rest, rows.Count));
                    rest -= rows.Count;
                    if (rows.Count > 0)
                    {
                        batches.Add(rows.Count == batch.Count ? batch : batch.Take(rows));
                    }

                    if (isCut && rest == 0)
                    {
                        break;
                    }
                }
            }
            catch (StoreException e) when (e.Kind == StoreErrorKind.UnknownSensor)
            {
                // It was asked for and never wrote.
            }
        }

        return new CommitsSince(position, isCut ? null : plan.Missed, batches);
    }

    /// <summary>Takes the newest entries up to the limit.</summary>
    private sealed class Plan(CommitQuery query)
    {
        private readonly Dictionary<string, List<TimeRange>> _ranges = new(StringComparer.Ordinal);
        private readonly List<TimeRange> _ofAll = [];
        private bool _isFull;

        public long Taken { get; private set; }

        /// <summary>Null when it isn't known of the sensors that were asked for.</summary>
        public long? Missed { get; private set; } = 0;

        /// <summary>They ask once for each range that holds something, and tell which readings of the answer count.</summary>
        public IEnumerable<(RawQuery Raw, Func<string, Instant, bool> Holds)> Questions
        {
            get
            {
                var ofAll = Union(_ofAll).ToList();
                foreach (var range in ofAll)
                {
                    yield return (new RawQuery(null, range), (sensor, _) => query.Sensors.Matches(sensor));
                }

                var ofOne = _ranges
                    .SelectMany(sensor => Union(sensor.Value).Select(range => (Sensor: sensor.Key, Range: range)))
                    .Where(one => !ofAll.Exists(all => all.From <= one.Range.From && all.To >= one.Range.To))
                    .OrderBy(one => one.Range.From)
                    .ToList();
                for (var i = 0; i < ofOne.Count;)
                {
                    var first = ofOne[i].Range.From.Micros;
                    var near = ofOne.Skip(i).TakeWhile(one => one.Range.To.Micros - first <= AboutTheSame).ToList();
                    if (near.Count <= MostAlone)
                    {
                        yield return (new RawQuery(ofOne[i].Sensor, ofOne[i].Range), (_, _) => true);
                        i++;
                        continue;
                    }

                    var known = near.ToLookup(one => one.Sensor, one => one.Range, StringComparer.Ordinal);
                    var span = new TimeRange(near[0].Range.From, near.Max(one => one.Range.To));
                    yield return (new RawQuery(null, span), (sensor, time) => known[sensor].Any(range => range.Contains(time)));
                    i += near.Count;
                }
            }
        }

        public void Add(CommitEntry entry)
        {
            if (entry.SensorId is { } id && !query.Sensors.Matches(id))
            {
                return;
            }

            _isFull |= Taken + entry.Readings > query.Limit;
            if (_isFull)
            {
                Missed = entry.SensorId is null && !query.Sensors.IsAll ? null : Missed + entry.Readings;
                return;
            }

            Taken += entry.Readings;
            var range = new TimeRange(new Instant(entry.First), new Instant(entry.Last + 1));
            if (entry.SensorId is { } one)
            {
                AddRange(one, range);
            }
            else if (query.Sensors.IsOfIds)
            {
                foreach (var sensor in query.Sensors.Ids)
                {
                    AddRange(sensor, range);
                }
            }
            else
            {
                _ofAll.Add(range);
            }
        }

        private void AddRange(string sensor, TimeRange range)
        {
            if (!_ranges.TryGetValue(sensor, out var ranges))
            {
                _ranges.Add(sensor, ranges = []);
            }

            ranges.Add(range);
        }

        private static IEnumerable<TimeRange> Union(List<TimeRange> ranges)
        {
            TimeRange? open = null;
            foreach (var range in ranges.OrderBy(r => r.From))
            {
                if (open is { } o && range.From <= o.To)
                {
                    open = o with { To = Instant.Max(o.To, range.To) };
                    continue;
                }

                if (open is { } done)
                {
                    yield return done;
                }

                open = range;
            }

            if (open is { } last)
            {
                yield return last;
            }
        }
    }
}
