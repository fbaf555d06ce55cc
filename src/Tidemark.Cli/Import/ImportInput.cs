using System.Text;
using Tidemark.Ingest;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Cli.Import;

/// <summary>How an input was understood as a whole.</summary>
/// <param name="Facts">What it is and which of its parts gives what, for people.</param>
/// <param name="Arguments">The options that say the same, so that nothing is left to be guessed.</param>
/// <param name="Guesses">What was decided by what the input holds, and is to be shown.</param>
/// <param name="Merges">Whether several rows make one reading.</param>
/// <param name="Open">Its readings from the first on.</param>
internal sealed record Understanding(
    IReadOnlyList<(string What, string How)> Facts,
    IReadOnlyList<string> Arguments,
    IReadOnlyList<string> Guesses,
    bool Merges,
    Func<ReadingSource> Open);

/// <summary>Reads an input once to understand it, by what the caller says and by what it holds, before any of it is stored.</summary>
internal static class ImportInput
{
    public const string Csv = "csv";
    public const string Ndjson = "ndjson";
    public const string Parquet = "parquet";
    public const string LineProtocol = "line-protocol";

    public static IReadOnlyList<string> Formats { get; } = [Csv, Ndjson, Parquet, LineProtocol];

    /// <summary>By the extension of the file, or by the first bytes of standard input.</summary>
    /// <exception cref="UsageException">The extension names none.</exception>
    public static string FormatOf(string file) => Path.GetExtension(WithoutPacking(file)).ToLowerInvariant() switch
    {
        ".csv" or ".tsv" or ".txt" => Csv,
        ".ndjson" or ".jsonl" or ".json" => Ndjson,
        ".parquet" or ".pq" => Parquet,
        ".lp" or ".line" or ".influx" => LineProtocol,
        _ => throw new UsageException($"{file}: the extension names no format; give --format {string.Join('|', Formats)}"),
    };

    public static string FormatOf(ReadOnlySpan<byte> begin) => begin.StartsWith("PAR1"u8) ? Parquet
        : (begin.StartsWith(JsonReadingParser.ByteOrderMark) ? begin[3..] : begin).TrimStart(" \t\r\n"u8) is [(byte)'{' or (byte)'[', ..]
            ? Ndjson : Csv;

    /// <exception cref="CommandFailedException">It can't be understood: the message says what to say.</exception>
    public static Understanding Understand(
        InputFile file, string format, ImportSettings settings, IncomingMetrics metrics, CancellationToken cancellationToken)
    {
        try
        {
            return format switch
            {
                Csv => UnderstandCsv(file, settings, metrics, cancellationToken),
                Parquet => UnderstandParquet(file, settings, metrics, cancellationToken),
                LineProtocol => UnderstandLines(file, settings, metrics, cancellationToken),
                _ => UnderstandJson(file, settings, metrics, cancellationToken),
            };
        }
        catch (Exception e) when (InputFile.IsBroken(e))
        {
            throw InputFile.Broken(file.Name, e);
        }
    }

    private static string WithoutPacking(string file)
        => Path.GetExtension(file).ToLowerInvariant() is ".gz" or ".gzip" or ".zst" or ".zstd" ? Path.ChangeExtension(file, null) : file;

    private static Understanding UnderstandCsv(
        InputFile file, ImportSettings settings, IncomingMetrics metrics, CancellationToken cancellationToken)
    {
        var dialect = settings.Dialect with { Encoding = file.Marked() ?? settings.Encoding ?? Encoding.UTF8 };
        using var rows = new CsvRows(file.OpenRead(), dialect);
        var understood = new UnderstoodText(file, Csv);
        if (rows.Header.Count == 0)
        {
            return understood.Of(merges: false, () => new EmptySource());
        }

        var found = dialect with { Delimiter = rows.Delimiter, HeaderLine = (int)rows.HeaderLine };
        understood.AddDialect(found, file.Marked() is not null, settings);
        var survey = TableSurvey.Of(rows, settings, metrics, cancellationToken);
        understood.AddTable(survey, settings, metrics);
        return understood.Of(
            survey.Map.MetricColumn >= 0, () => new TableSource(new CsvRows(file.OpenRead(), found), survey, settings, metrics.Names));
    }

    private static Understanding UnderstandParquet(
        InputFile file, ImportSettings settings, IncomingMetrics metrics, CancellationToken cancellationToken)
    {
        if (file.Packing is not null)
        {
            throw new CommandFailedException($"{file.Name} is Parquet packed with {file.Packing}: unpack it first");
        }

        using var rows = new ParquetRows(file.Path, file.Name);
        var understood = new UnderstoodText(file, Parquet);
        var survey = TableSurvey.Of(rows, settings, metrics, cancellationToken);
        understood.AddTable(survey, settings, metrics);
        return understood.Of(
            survey.Map.MetricColumn >= 0, () => new TableSource(new ParquetRows(file.Path, file.Name), survey, settings, metrics.Names));
    }

    private static Understanding UnderstandJson(
        InputFile file, ImportSettings settings, IncomingMetrics metrics, CancellationToken cancellationToken)
    {
        var times = new TimeSurvey(settings);
        using (var source = Open(new ImportTime(null, settings.TimesIn(null))))
        {
            while (source.Next())
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (source.ReadObject() is null)
                {
                    times.Add(source.TimeText, settings.Zone is null ? default : source.Series, source.Line);
                }
            }
        }

        times.Decide();
        var understood = new UnderstoodText(file, Ndjson);
        understood.AddTimes(times, settings);
        understood.AddFields(settings);
        return understood.Of(settings.MetricColumn is not null, () => Open(times.Decide()));

        JsonSource Open(ImportTime reader)
        {
            var encoding = file.Marked() ?? settings.Encoding ?? Encoding.UTF8;
            var (begin, stream) = encoding is UTF8Encoding
                ? (file.Begin, file.OpenRead())
                : (Encoding.Convert(encoding, Encoding.UTF8, file.Begin),
                    Encoding.CreateTranscodingStream(file.OpenRead(), encoding, Encoding.UTF8));
            return new JsonSource(JsonValues.Open(begin, stream, settings.Dialect.MaxRow), settings, metrics, reader);
        }
    }

    private static Understanding UnderstandLines(
        InputFile file, ImportSettings settings, IncomingMetrics metrics, CancellationToken cancellationToken)
    {
        var times = new TimeSurvey(settings);
        var timeless = LineProtocolSource.Survey(file.OpenRead(), times, settings.Dialect.MaxRow, cancellationToken);
        times.Decide(TimeUnit.Find("ns"));
        if (times.Form is not null)
        {
            throw new CommandFailedException($"the times look like dates such as {times.Form}: line protocol has counts; say --time-unit");
        }

        var arrival = Instant.From(TimeProvider.System.GetUtcNow());
        var precision = LinePrecision.Find(times.Unit?.Name) ?? LinePrecision.Nanoseconds;
        var understood = new UnderstoodText(file, LineProtocol);
        understood.AddTimes(times, settings);
        understood.AddTimeless(timeless, arrival);
        return understood.Of(merges: true, () => new LineProtocolSource(
            file.OpenRead(),
            new LineReadings(
                precision, settings.LineNaming, arrival, settings.Dialect.MaxRow, settings.Validator(), metrics, mostErrors: int.MaxValue),
            metrics,
            settings.Dialect.MaxRow));
    }

    /// <summary>Of a file without a header.</summary>
    private sealed class EmptySource : ReadingSource
    {
        public override long Line => 0;

        public override ReadOnlySpan<char> Text => default;

        public override IReadOnlyList<string> Metrics => [];

        public override ReadOnlySpan<double> Values => default;

        public override bool Next() => false;

        public override string? TryRead(out string sensorId, out Instant time) => throw new InvalidOperationException("there is no row");

        public override void Dispose()
        {
        }
    }
}
