using System.Globalization;
using Tidemark.Configuration;

namespace Tidemark.Series;

/// <summary>A question in texts, as an address or a command line has it; null for what is not said.</summary>
public sealed record SeriesParameters
{
    public const string SensorsForm = "ids and beginnings of ids, such as kitchen,hall-*, or * for all; a backslash takes a comma or an "
        + "asterisk as it is";

    /// <summary>See <see cref="SensorSelection"/>.</summary>
    public string? Sensors { get; init; }

    public string? Metrics { get; init; }

    public string? Bucket { get; init; }

    public string? Points { get; init; }

    /// <summary>Several with commas.</summary>
    public string? Functions { get; init; }

    public string? Zone { get; init; }

    public string? Fill { get; init; }

    public string? Lookback { get; init; }

    public string? Downsampling { get; init; }

    /// <param name="schema">Whose aggregates a bucket may name.</param>
    /// <param name="range">What is asked about.</param>
    /// <param name="now">The clock of whoever asks.</param>
    /// <param name="errors">Takes what is wrong with a text; see <see cref="SeriesQuery.Faults"/> for the question as a whole.</param>
    public SeriesQuery ToQuery(TelemetrySchema schema, TimeRange range, Instant now, List<string> errors)
    {
        var defaults = new SeriesQuery { Sensors = [], Range = range, Now = now };
        return defaults with
        {
            Sensors = ReadSensors(errors),
            Metrics = MetricList.Parse("metrics", Metrics, errors),
            Bucket = ReadBucket(schema, errors),
            Points = ReadPoints(errors),
            Functions = ReadFunctions(errors) ?? defaults.Functions,
            Zone = ReadZone(errors),
            Fill = ReadName<SeriesFill>("fill", Fill, errors),
            Lookback = ReadLookback(errors),
            Downsampling = ReadName<Downsampling>("downsample", Downsampling, errors),
        };
    }

    private List<string> ReadSensors(List<string> errors)
    {
        if (string.IsNullOrEmpty(Sensors))
        {
            return [];
        }

        var sensors = Split(Sensors);
        if (sensors.Count > SeriesQuery.MostSensors)
        {
            errors.Add($"sensors names {sensors.Count}; {SeriesQuery.MostSensors} are the most");
        }
        else if (!SensorSelection.TryParse(Sensors, out _, out var error))
        {
            errors.Add(error);
        }

        return sensors;
    }

    /// <summary>At the commas, in the order of the question.</summary>
    private static List<string> Split(string text)
    {
        var (parts, from) = (new List<string>(), 0);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\')
            {
                i++;
            }
            else if (text[i] == ',')
            {
                parts.Add(text[from..i]);
                from = i + 1;
            }
        }

        return [.. parts, text[from..]];
    }

    private SeriesBucket ReadBucket(TelemetrySchema schema, List<string> errors)
    {
        var bucket = SeriesBucket.Auto;
        if (Bucket is not null && !SeriesBucket.TryParse(Bucket, schema, out bucket, out var error))
        {
            errors.Add(error);
        }

        return bucket;
    }

    private int ReadPoints(List<string> errors)
    {
        if (Points is null)
        {
            return SeriesQuery.DefaultPoints;
        }

        if (!int.TryParse(Points, NumberStyles.None, CultureInfo.InvariantCulture, out var points)
            || points is < 1 or > SeriesQuery.MostPoints)
        {
            errors.Add($"points '{Points}' is not a whole number from 1 to {SeriesQuery.MostPoints}");
            return SeriesQuery.DefaultPoints;
        }

        return points;
    }

    private List<SeriesFunction>? ReadFunctions(List<string> errors)
    {
        if (Functions is null)
        {
            return null;
        }

        var functions = new List<SeriesFunction>();
        foreach (var name in Functions.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!SeriesFunctions.TryParse(name, out var function))
            {
                errors.Add($"fn '{name}' is not {SeriesFunctions.Form}; several with commas");
            }
            else if (functions.Contains(function))
            {
                errors.Add($"fn '{Functions}' names {name} twice");
            }

            functions.Add(function);
        }

        return functions;
    }

    private TimeZoneInfo ReadZone(List<string> errors)
    {
        var zone = TimeZoneInfo.Utc;
        if (Zone is not null && !TimeZones.TryFind(Zone, out zone))
        {
            errors.Add($"tz '{Zone}' is not {TimeZones.Form}");
        }

        return zone;
    }

    private TimeSpan? ReadLookback(List<string> errors)
    {
        if (Lookback is null)
        {
            return null;
        }

        if (!TypedText.TryParseDuration(Lookback, out var lookback))
        {
            errors.Add($"lookback '{Lookback}' is not {TypedText.DurationForm}");
        }

        return lookback;
    }

    private static T ReadName<T>(string parameter, string? text, List<string> errors)
        where T : struct, Enum
    {
        var names = Enum.GetNames<T>().Select(n => n.ToLowerInvariant()).ToList();
        var place = text is null ? 0 : names.IndexOf(text);
        if (place < 0)
        {
            errors.Add($"{parameter} '{text}' is not {string.Join(", ", names.SkipLast(1))} or {names[^1]}");
        }

        return Enum.GetValues<T>()[Math.Max(0, place)];
    }
}
