namespace Tidemark.Cli.Import;

/// <summary>
/// Fills what readings lack with what the store has of the same sensor and time, so that an import adds to readings and blanks nothing.
/// What others write to the same readings meanwhile is not seen.
/// </summary>
internal sealed class StoredReadings(ITelemetryStore store)
{
    // Above it one read of all sensors costs less than one for each.
    private const int MostSensorsAlone = 256;

    // A sensor's times are read in ranges without long gaps between them, at most so many.
    private const int MostRanges = 16;

    private Dictionary<string, long>? _last;

    /// <returns>The batch, or one with more metrics that shares its readings.</returns>
    public async Task<ReadingBatch> FillAsync(ReadingBatch batch, CancellationToken cancellationToken)
    {
        _last ??= (await store.ListSensorsAsync(cancellationToken)).ToDictionary(
            s => s.SensorId, s => s.LastReading.Micros, StringComparer.Ordinal);
        var rows = new Dictionary<(string, long), int>();
        var times = new Dictionary<string, List<long>>(StringComparer.Ordinal);
        for (var row = 0; row < batch.Count; row++)
        {
            var (sensor, time) = (batch.SensorIds[row], batch.TimesMicros[row]);
            // A reading newer than its sensor's last one can't be stored yet.
            if (_last.TryGetValue(sensor, out var last) && time <= last)
            {
                rows[(sensor, time)] = row;
                if (!times.TryGetValue(sensor, out var list))
                {
                    times.Add(sensor, list = []);
                }

                list.Add(time);
            }
        }

        foreach (var (sensor, range) in Ranges(times))
        {
            await foreach (var stored in store.ReadRawAsync(new RawQuery(sensor, range), cancellationToken))
            {
                batch = Fill(batch, stored, rows);
            }
        }

        return batch;
    }

    /// <summary>Notes what was written.</summary>
    public void Written(ReadingBatch batch)
    {
        for (var row = 0; row < batch.Count && _last is not null; row++)
        {
            var (sensor, time) = (batch.SensorIds[row], batch.TimesMicros[row]);
            _last[sensor] = _last.TryGetValue(sensor, out var last) ? Math.Max(last, time) : time;
        }
    }

    private static IEnumerable<(string? Sensor, TimeRange Range)> Ranges(Dictionary<string, List<long>> times)
    {
        if (times.Count > MostSensorsAlone)
        {
            yield return (null, Range(times.Values.Min(t => t.Min()), times.Values.Max(t => t.Max())));
            yield break;
        }

        foreach (var (sensor, list) in times)
        {
            list.Sort();
            var gap = (list[^1] - list[0]) / MostRanges;
            var start = 0;
            for (var i = 1; i <= list.Count; i++)
            {
                if (i == list.Count || list[i] - list[i - 1] > gap)
                {
                    yield return (sensor, Range(list[start], list[i - 1]));
                    start = i;
                }
            }
        }
    }

    private static TimeRange Range(long first, long last) => new(new Instant(first), new Instant(last + 1));

    private static ReadingBatch Fill(ReadingBatch batch, ReadingBatch stored, Dictionary<(string, long), int> rows)
    {
        var places = stored.Metrics.Select(batch.MetricIndex).ToArray();
        for (var i = 0; i < stored.Count; i++)
        {
            if (!rows.TryGetValue((stored.SensorIds[i], stored.TimesMicros[i]), out var row))
            {
                continue;
            }

            for (var m = 0; m < places.Length; m++)
            {
                var value = stored.Metric(m)[i];
                if (double.IsNaN(value))
                {
                    continue;
                }

                if (places[m] < 0)
                {
                    places[m] = batch.MetricCount;
                    batch = batch.Select([.. batch.Metrics, stored.Metrics[m]]);
                }

                if (double.IsNaN(batch.Metric(places[m])[row]))
                {
                    batch.Set(row, places[m], value);
                }
            }
        }

        return batch;
    }
}
