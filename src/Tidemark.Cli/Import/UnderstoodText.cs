using Tidemark.Ingest;

namespace Tidemark.Cli.Import;

/// <summary>Writes down how an input was understood, for people and as options.</summary>
internal sealed class UnderstoodText
{
    private readonly List<(string What, string How)> _facts = [];
    private readonly List<string> _arguments = [];
    private readonly List<string> _guesses = [];

    public UnderstoodText(InputFile file, string format)
    {
        _facts.Add(("format", file.Packing is null ? format : $"{format}, packed with {file.Packing}"));
        Say("--format", format);
    }

    public Understanding Of(bool merges, Func<ReadingSource> open) => new(_facts, _arguments, _guesses, merges, open);

    public void AddDialect(CsvDialect dialect, bool isMarked, ImportSettings settings)
    {
        _facts.Add(("encoding", $"{dialect.Encoding.WebName}{(isMarked ? ", by its byte order mark" : "")}"));
        _facts.Add(("delimiter", dialect.Delimiter == '\t' ? "tab" : $"{dialect.Delimiter}"));
        var skipped = dialect.SkipAfterHeader > 0 ? $", {dialect.SkipAfterHeader} behind it are no rows" : "";
        _facts.Add(("header", $"line {dialect.HeaderLine}{skipped}"));
        Say("--encoding", dialect.Encoding.WebName);
        Say("--delimiter", dialect.Delimiter == '\t' ? "tab" : $"{dialect.Delimiter}");
        Say("--header-line", $"{dialect.HeaderLine}");
        if (dialect.SkipAfterHeader > 0)
        {
            Say("--skip-after-header", $"{dialect.SkipAfterHeader}");
        }

        if (dialect.Comment is { } comment)
        {
            _facts.Add(("comments", $"lines that begin with {comment}"));
            Say("--comment", $"{comment}");
        }

        AddNumbers(settings);
    }

    public void AddTable(TableSurvey survey, ImportSettings settings, IncomingMetrics metrics)
    {
        var map = survey.Map;
        var time = string.Join('+', map.Time.Select(column => map.Header[column]));
        _facts.Add(("time", $"column {time}"));
        Say("--map", $"{ColumnMap.TimeName}={time}");
        AddTimes(survey.Times, settings);
        _facts.Add(("sensor", map.Sensor >= 0 ? $"column {map.Header[map.Sensor]}" : settings.Sensor ?? "the name of a value's column"));
        if (map.Sensor >= 0)
        {
            Say("--map", $"{ColumnMap.SensorName}={map.Header[map.Sensor]}");
        }
        else if (settings.Sensor is not null)
        {
            Say("--sensor", settings.Sensor);
        }

        if (map.MetricColumn >= 0)
        {
            AddLong(survey, metrics);
        }
        else if (settings.MetricOfSensors is not null)
        {
            _facts.Add(("metric", metrics.Names[map.Values[0].Metric]));
            _facts.Add(("sensors", string.Join(", ", map.Values.Select(value => value.Sensor))));
            _arguments.Add("--sensors-in-columns");
            Say("--metric", settings.MetricOfSensors);
        }
        else
        {
            foreach (var value in map.Values)
            {
                _facts.Add(("metric", $"{metrics.Names[value.Metric]}: column {map.Header[value.Index]}"));
                Say("--map", $"{metrics.Names[value.Metric]}={map.Header[value.Index]}");
            }
        }

        _facts.AddRange(survey.LeftOut.Select(column => ("left out", $"{column.Column}: {column.Why}")));
    }

    public void AddTimes(TimeSurvey times, ImportSettings settings)
    {
        if (times.Unit is { } unit)
        {
            AddGuess("time unit", unit.Plural, settings.Unit is null);
            Say("--time-unit", unit.Name);
        }

        if (times.Form is { } form)
        {
            AddGuess("time form", form, settings.TimeForm is null);
            Say("--time-format", form);
        }

        if (settings.Zone is { } zone)
        {
            _facts.Add(("time zone", $"{zone.Id}{(times.IsLocal ? "" : ", which no time needs")}"));
            Say("--time-zone", zone.Id);
        }
    }

    public void AddTimeless(long lines, Instant arrival)
    {
        if (lines > 0)
        {
            AddGuess("without a time", $"{Readable.Count(lines, "line")}, which get {arrival}", isGuess: false);
            _guesses.Add($"{Readable.Count(lines, "line")} without a time got {arrival}");
        }
    }

    public void AddFields(ImportSettings settings)
    {
        foreach (var (field, path) in settings.Mapping)
        {
            _facts.Add((field, path));
            Say("--map", $"{field}={path}");
        }

        if (settings.Sensor is not null)
        {
            _facts.Add(("sensor", settings.Sensor));
            Say("--sensor", settings.Sensor);
        }

        if (settings.MetricColumn is not null)
        {
            Say("--metric-column", settings.MetricColumn);
            Say("--value-column", settings.ValueColumn!);
        }

        AddNumbers(settings);
    }

    private void AddLong(TableSurvey survey, IncomingMetrics metrics)
    {
        var (name, value) = (survey.Map.Header[survey.Map.MetricColumn], survey.Map.Header[survey.Map.Value]);
        _facts.Add(("metric", $"column {name}"));
        _facts.Add(("value", $"column {value}"));
        Say("--metric-column", name);
        Say("--value-column", value);
        foreach (var (called, place) in survey.LongMetrics.Where(metric => metric.Value >= 0))
        {
            _facts.Add(("metric", $"{metrics.Names[place]}: rows of {called}"));
            Say("--map", $"{metrics.Names[place]}={called}");
        }
    }

    private void AddGuess(string what, string how, bool isGuess)
    {
        var shown = isGuess ? $"{how}, the only one that puts all between 1990 and now" : how;
        _facts.Add((what, shown));
        if (isGuess)
        {
            _guesses.Add($"{what}: {shown}");
        }
    }

    private void AddNumbers(ImportSettings settings)
    {
        if (settings.DecimalMark != '.')
        {
            _facts.Add(("decimal mark", $"{settings.DecimalMark}"));
            Say("--decimal", $"{settings.DecimalMark}");
        }

        if (settings.Thousands is { } thousands)
        {
            _facts.Add(("thousands mark", $"'{thousands}'"));
            Say("--thousands", $"{thousands}");
        }

        foreach (var word in settings.Missing)
        {
            Say("--null", word);
        }
    }

    private void Say(string option, string value) => _arguments.AddRange([option, Quoted(value)]);

    /// <summary>As a POSIX shell takes it.</summary>
    public static string Quoted(string text)
        => text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '/' or '=' or '+' or ':' or ',')
            ? text : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
