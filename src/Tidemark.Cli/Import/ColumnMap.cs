namespace Tidemark.Cli.Import;

/// <summary>Which column of a file gives what.</summary>
/// <param name="Columns">How many columns the header has.</param>
/// <param name="Time">The column of the time.</param>
/// <param name="Sensor">The column of the sensor id; −1 when all rows are of one sensor.</param>
/// <param name="Metrics">Per metric of the schema its column; −1 for none, then every value is null.</param>
/// <param name="Ignored">The names of the columns that give nothing.</param>
internal sealed record ColumnMap(int Columns, int Time, int Sensor, IReadOnlyList<int> Metrics, IReadOnlyList<string> Ignored)
{
    private const string TimeName = "time";
    private const string SensorName = "sensor_id";

    /// <param name="header">The column names of the file.</param>
    /// <param name="schema">Its metrics are looked for.</param>
    /// <param name="mapping">By field (time, sensor_id or a metric) the name of its column; other fields are matched by name, ignoring
    /// case.</param>
    /// <param name="hasSensor">Whether all rows are of one sensor that is given otherwise.</param>
    /// <exception cref="CommandFailedException">A column is missing or ambiguous.</exception>
    public static ColumnMap Create(
        IReadOnlyList<string> header,
        TelemetrySchema schema,
        IReadOnlyDictionary<string, string> mapping,
        bool hasSensor)
    {
        var metrics = schema.Metrics.Select(m => m.Name).ToList();
        if (mapping.Keys.FirstOrDefault(field => field is not (TimeName or SensorName) && !metrics.Contains(field)) is { } unknown)
        {
            throw new CommandFailedException(
                $"--map: there is no field '{unknown}'; there are {TimeName}, {SensorName}, {string.Join(", ", metrics)}");
        }

        var time = Find(TimeName);
        if (time < 0)
        {
            throw new CommandFailedException(
                $"no column is named {TimeName}: say which one it is with --map {TimeName}=COLUMN; {Describe(header)}");
        }

        var sensor = hasSensor ? -1 : Find(SensorName);
        if (sensor < 0 && !hasSensor)
        {
            throw new CommandFailedException(
                $"no column is named {SensorName}: give --sensor NAME for all rows, or --map {SensorName}=COLUMN; {Describe(header)}");
        }

        var found = metrics.ConvertAll(Find);
        if (found.TrueForAll(column => column < 0))
        {
            throw new CommandFailedException($"no column is named {string.Join(" or ", metrics)}: say which one gives a metric with --map "
                + $"{metrics[0]}=COLUMN; {Describe(header)}");
        }

        var used = found.Append(time).Append(sensor).ToHashSet();
        return new ColumnMap(header.Count, time, sensor, found, [.. header.Where((_, column) => !used.Contains(column))]);

        int Find(string field) => mapping.TryGetValue(field, out var name) ? Mapped(header, field, name) : Named(header, field);
    }

    private static int Mapped(IReadOnlyList<string> header, string field, string name)
    {
        var column = Named(header, name);
        return column >= 0
            ? column
            : throw new CommandFailedException($"--map {field}={name}: there is no column '{name}'; {Describe(header)}");
    }

    private static int Named(IReadOnlyList<string> header, string name)
    {
        var exact = Places(header, name, StringComparison.Ordinal);
        var places = exact.Count > 0 ? exact : Places(header, name, StringComparison.OrdinalIgnoreCase);
        return places.Count switch
        {
            0 => -1,
            1 => places[0],
            _ => throw new CommandFailedException(
                $"{places.Count} columns are named '{name}': rename one in the file, or map another; {Describe(header)}"),
        };
    }

    private static List<int> Places(IReadOnlyList<string> header, string name, StringComparison comparison)
        => [.. Enumerable.Range(0, header.Count).Where(column => header[column].Equals(name, comparison))];

    private static string Describe(IReadOnlyList<string> header)
    {
        const int Most = 30;
        var names = string.Join(
            ", ",
            header.Take(Most).Select(name => new string([.. ImportTime.Shown(name).Where(c => !char.IsControl(c))])));
        return $"the header has {names}{(header.Count > Most ? $" and {header.Count - Most} more" : "")}";
    }
}
