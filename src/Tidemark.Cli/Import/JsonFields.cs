using Tidemark.Ingest;

namespace Tidemark.Cli.Import;

/// <summary>What a member of an object is.</summary>
internal enum JsonField
{
    /// <summary>Nobody said: its name tells.</summary>
    Unnamed,

    /// <summary>The time, or a part of it.</summary>
    Time,

    Sensor,

    /// <summary>The name of the one metric of an object.</summary>
    MetricName,

    /// <summary>The value of that.</summary>
    Value,

    Metric,
}

/// <summary>Which members of objects, by the names on the way to them, give what.</summary>
internal sealed class JsonFields
{
    private readonly Dictionary<string, (JsonField Field, int Place)>.AlternateLookup<ReadOnlySpan<char>> _fields
        = new Dictionary<string, (JsonField Field, int Place)>(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    /// <exception cref="CommandFailedException">A member is named twice.</exception>
    public JsonFields(ImportSettings settings, IncomingMetrics metrics)
    {
        TimeParts = settings.Mapping.GetValueOrDefault(ColumnMap.TimeName, ColumnMap.TimeName)
            .Split('+', StringSplitOptions.TrimEntries);
        foreach (var (place, part) in TimeParts.Index().Reverse())
        {
            _fields[part] = (JsonField.Time, place);
        }

        if (settings.Sensor is null)
        {
            _fields[settings.Mapping.GetValueOrDefault(ColumnMap.SensorName, ColumnMap.SensorName)] = (JsonField.Sensor, 0);
        }

        if (settings.MetricColumn is not null)
        {
            _fields[settings.MetricColumn] = (JsonField.MetricName, 0);
            _fields[settings.ValueColumn!] = (JsonField.Value, 0);
        }

        foreach (var (metric, path) in settings.Mapping.Where(m => m.Key is not (ColumnMap.TimeName or ColumnMap.SensorName)))
        {
            var place = ColumnMap.PlaceOf(metric, metrics, "--map");
            if (!_fields.TryAdd(path, (JsonField.Metric, place)))
            {
                throw new CommandFailedException($"--map names {path} twice");
            }
        }
    }

    /// <summary>The members that make the time, in their order.</summary>
    public IReadOnlyList<string> TimeParts { get; }

    public bool Has(ReadOnlySpan<char> path) => _fields.ContainsKey(path);

    /// <returns>With the metric's place, or that of the part of the time.</returns>
    public (JsonField Field, int Place) Find(ReadOnlySpan<char> path) => _fields.TryGetValue(path, out var field) ? field : default;
}
