using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Tidemark.Configuration;
using Tidemark.Ingest;

namespace Tidemark.Cli.Import;

/// <summary><c>tidemark import FILE</c>: readings of a CSV or NDJSON file into the store.</summary>
internal static partial class ImportCommand
{
    private const string Csv = "csv";
    private const string Ndjson = "ndjson";

    private static readonly Argument<string> File = new("FILE") { Description = "The file, or - for standard input." };

    private static readonly Option<string?> Format = new("--format")
    {
        Description = "csv (with a header; comma, semicolon, tab or bar) or ndjson (one JSON object a line). Else by the file's "
            + "extension, csv for standard input.",
        HelpName = "csv|ndjson",
    };

    private static readonly Option<Dictionary<string, string>> Map = new("--map")
    {
        Description = "Which columns give time, sensor_id and metrics, such as time=date,temperature=temp; others are matched by name, "
            + "ignoring case. May be given several times.",
        HelpName = "FIELD=COLUMN,…",
        CustomParser = ParseMap,
        AllowMultipleArgumentsPerToken = false,
        Arity = ArgumentArity.OneOrMore,
    };

    private static readonly Option<string?> Sensor = new("--sensor") { Description = "The sensor of all rows.", HelpName = "NAME" };

    private static readonly Option<string?> TimeZone = new("--time-zone")
    {
        Description = "Where times without a zone are local, such as Europe/Berlin. A time that a clock change skips is refused; of a "
            + "repeated one the first is taken.",
        HelpName = "ZONE",
    };

    private static readonly Option<string?> Delimiter = new("--delimiter")
    {
        Description = "What separates the columns: one character, or tab. Else detected.",
        HelpName = "CHAR"
    };

    private static readonly Option<string?> Unit = new("--time-unit")
    {
        Description = "What times that are numbers count since 1970. Default ms, and a number that gives a time before 1990 or ahead of "
            + "the clock is refused.",
        HelpName = "s|ms|us|ns",
    };

    private static readonly Option<string?> EncodingName = new("--encoding")
    {
        Description = "The encoding of a CSV file without a byte-order mark, such as windows-1252 or utf-16. Default UTF-8; a row that "
            + "isn't is refused.",
        HelpName = "NAME",
    };

    private static readonly Option<string?> Rejects = new("--rejects")
    {
        Description = "Where refused rows go with line and reason. Default FILE.rejects.csv.",
        HelpName = "PATH"
    };

    private static readonly Option<string?> ImportId = new("--import-id")
    {
        Description = "Names the import for an append-only store, which takes one of a name once. Default: made of the file's content and "
            + "the options here; none for standard input.",
        HelpName = "NAME",
    };

    public static Command Create()
    {
        var command = new Command(
            "import",
            "Read a CSV or NDJSON file into the store; safe to run again. Exit code 1 when every row was refused.")
        {
            File, Format, Map, Sensor, TimeZone, Delimiter, EncodingName, Unit, Rejects, ImportId,
        };
        ImportId.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { Length: 0 or > ReadingBatch.LongestImportName })
            {
                result.AddError($"--import-id is not a name of 1 to {ReadingBatch.LongestImportName} characters");
            }
        });
        Format.AcceptOnlyFromAmong(Csv, Ndjson);
        Unit.AcceptOnlyFromAmong([.. TimeUnit.All.Select(unit => unit.Name)]);
        Delimiter.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } text && text != "tab" && (text.Length != 1 || text is "\"" or "\n" or "\r"))
            {
                result.AddError($"--delimiter '{text}' is not one character, or tab");
            }
        });
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var options = await StoreOptions.LoadAsync(arguments, cancellationToken);
        var file = arguments.GetRequiredValue(File);
        var rejectsPath = arguments.GetValue(Rejects) ?? (file == "-" ? "stdin.rejects.csv" : $"{file}.rejects.csv");
        if (file != "-" && Path.GetFullPath(file) == Path.GetFullPath(rejectsPath))
        {
            throw new UsageException($"--rejects {rejectsPath} is the file to import; name another one");
        }

        // The file comes first: one that isn't there leaves no new store behind.
        var open = SourceOf(arguments, options, file);
        await using var stream = OpenFile(file);
        // Only what may be an append-only store has a use for an id of its content, for which the file is read once more.
        var id = arguments.GetValue(ImportId) ?? (options.AppendOnly || options.Store.Kind == StoreKind.Http
            ? IdOf(arguments, stream)
            : null);
        await using var store = await StoreOpener.CreateAsync(options, cancellationToken);
        using var source = open(stream, new IncomingMetrics(store.Schema, options.NewMetrics, options.MaxMetrics), store.Schema);
        await using var rejects = new RejectsFile(rejectsPath);
        var importer = new Importer(store, options.MaxSkew, options.OldestTime, TimeProvider.System, rejects, id);
        var summary = await Terminal.ProgressAsync($"import {file}", progress => importer.RunAsync(
            source,
            rows => progress.Report(new StoreProgress(
                $"import {file}: {Readable.Count(rows)} rows",
                stream.CanSeek && stream.Length > 0 ? (double)stream.Position / stream.Length : double.NaN)),
            cancellationToken));
        Show(arguments, file, summary, source.Notes, rejects);
        return summary.Rows > 0 && summary.Accepted == 0 ? ExitCode.Failure : ExitCode.Success;
    }

    /// <summary>The same file read in the same way is the same import.</summary>
    private static string? IdOf(ParseResult arguments, Stream stream)
    {
        if (!stream.CanSeek)
        {
            return null;
        }

        var options = new Option[] { Format, Map, Sensor, TimeZone, Delimiter, EncodingName, Unit }.SelectMany(
            option => arguments.GetResult(option)?.Tokens.Select(t => $"{option.Name} {t.Value}\n") ?? []);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(SHA256.HashData(stream));
        hash.AppendData(Encoding.UTF8.GetBytes(string.Concat(options)));
        stream.Position = 0;
        return $"import {Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }

    private static Stream OpenFile(string file)
    {
        if (Directory.Exists(file))
        {
            throw new CommandFailedException($"{file} is a folder; name a file in it");
        }

        try
        {
            return file == "-"
                ? Console.OpenStandardInput()
                : new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 20, FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CommandFailedException($"{file}: there is no such file");
        }
    }

    /// <summary>How the file is read, by the arguments alone: the schema is the store's, which may be behind a server.</summary>
    private static Func<Stream, IncomingMetrics, TelemetrySchema, ReadingSource> SourceOf(
        ParseResult arguments, TidemarkOptions options, string file)
    {
        var maxLine = options.Server.MaxLine;
        var numbers = new NumberTimes(
            TimeUnit.Find(arguments.GetValue(Unit)) ?? options.TimeUnit,
            options.MaxSkew,
            TimeProvider.System,
            "--time-unit ");
        if ((arguments.GetValue(Format) ?? FormatOf(file)) == Ndjson)
        {
            return new Option[] { Map, Sensor, TimeZone, Delimiter, EncodingName }.FirstOrDefault(
                option => arguments.GetResult(option) is not null) is { } option
                ? throw new UsageException($"{option.Name} is for CSV: in NDJSON each object names time, sensor_id and its metrics")
                : (stream, metrics, _) => new NdjsonSource(stream, metrics, maxLine, numbers);
        }

        var sensor = arguments.GetValue(Sensor);
        if (sensor is not null && SensorId.Check(sensor) is { } error)
        {
            throw new UsageException($"--sensor: {error}");
        }

        var delimiter = arguments.GetValue(Delimiter);
        var layout = new CsvLayout
        {
            Mapping = arguments.GetValue(Map) ?? [],
            Sensor = sensor,
            Delimiter = delimiter == "tab" ? '\t' : delimiter?[0],
            Time = ImportTime.InZone(arguments.GetValue(TimeZone), numbers),
            Encoding = EncodingOf(arguments.GetValue(EncodingName)),
            MaxRow = maxLine,
        };
        return (stream, _, schema) => new CsvSource(stream, schema, layout);
    }

    private static Encoding EncodingOf(string? name)
    {
        try
        {
            Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
            return name is null ? Encoding.UTF8 : Encoding.GetEncoding(name);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new UsageException($"--encoding '{name}' is not known; names look like windows-1252, iso-8859-15, shift_jis or utf-16");
        }
    }

    private static string FormatOf(string file) => Path.GetExtension(file).ToLowerInvariant() switch
    {
        ".csv" or ".tsv" or ".txt" => Csv,
        ".ndjson" or ".jsonl" or ".json" => Ndjson,
        _ => file == "-" ? Csv : throw new UsageException($"{file}: the extension names no format; give --format csv or --format ndjson"),
    };

    private static Dictionary<string, string> ParseMap(System.CommandLine.Parsing.ArgumentResult result)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in result.Tokens.SelectMany(token => NextPair().Split(token.Value)))
        {
            var (field, column) = (pair[..Math.Max(0, pair.IndexOf('='))], pair[(pair.IndexOf('=') + 1)..].Trim());
            if (!Identifier.IsValid(field) || column.Length == 0)
            {
                result.AddError($"--map '{pair}' is not FIELD=COLUMN, such as temperature=temp");
            }
            else if (!map.TryAdd(field, column))
            {
                result.AddError($"--map names {field} twice");
            }
        }

        return map;
    }

    private static void Show(ParseResult arguments, string file, ImportSummary summary, IReadOnlyList<string> notes, RejectsFile rejects)
    {
        var rejectsPath = summary.Refused > 0 ? rejects.Path : null;
        var result = summary.Result;
        if (arguments.GetValue(GlobalOptions.Json))
        {
            Terminal.Json(new
            {
                File = file,
                summary.Rows,
                result.Written,
                result.Replaced,
                result.Unchanged,
                result.AppendOnly,
                summary
                .Repeated,
                summary.Refused,
                Rejects = rejectsPath,
                Notes = notes
            });
            return;
        }

        var repeated = summary.Repeated > 0 ? $", {Readable.Count(summary.Repeated)} repeated in the file" : "";
        var refused = rejectsPath is null ? "" : $", see {rejectsPath}";
        Terminal.Line($"{file}: {Readable.Count(summary.Rows, "row")}: {Readable.Written(result)}{repeated}, "
            + $"{Readable.Count(summary.Refused)} refused{refused}");
        foreach (var note in notes)
        {
            Terminal.Line(note);
        }
    }

    // A comma separates pairs only where the next one begins: names of columns may hold commas.
    [GeneratedRegex(",(?=[a-z][a-z0-9_]*=)")]
    private static partial Regex NextPair();
}
