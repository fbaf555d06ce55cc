using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Tidemark.Configuration;
using Tidemark.Ingest;

namespace Tidemark.Cli.Import;

/// <summary><c>tidemark import FILE</c>: readings of a file into the store.</summary>
internal static class ImportCommand
{
    private static readonly Argument<string> File = new("FILE") { Description = "The file, or - for standard input." };

    private static readonly Option<bool> DryRun = new("--dry-run")
    {
        Description = "Store nothing: say how the file is understood, its first readings, what would be refused, and the command line that "
            + "leaves nothing to be guessed.",
    };

    private static readonly Option<bool> Replace = new("--replace")
    {
        Description = "Rows replace whole readings: a value that a row doesn't have becomes null. Else it stays as it is in the store.",
    };

    private static readonly Option<string?> Rejects = new("--rejects")
    {
        Description = "Where refused rows go with line and reason. Default FILE.rejects.csv.",
        HelpName = "PATH",
    };

    private static readonly Option<string?> ImportId = new("--import-id")
    {
        Description = "Names the import for an append-only store, which takes one of a name once. Default: made of the file's content and "
            + "the options here.",
        HelpName = "NAME",
    };

    public static Command Create()
    {
        var command = new Command(
            "import",
            "Read a CSV, JSON, Parquet or line protocol file into the store; safe to run again. Exit code 1 when every row was refused.")
        {
            File,
        };
        foreach (var option in ImportOptions.All)
        {
            command.Add(option);
        }

        command.Add(DryRun);
        command.Add(Replace);
        command.Add(Rejects);
        command.Add(ImportId);
        ImportId.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { Length: 0 or > ReadingBatch.LongestImportName })
            {
                result.AddError($"--import-id is not a name of 1 to {ReadingBatch.LongestImportName} characters");
            }
        });
        ImportOptions.AddValidators();
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var loaded = await StoreOptions.LoadAsync(arguments, cancellationToken);
        var options = loaded.Options;
        var name = arguments.GetRequiredValue(File);
        var said = arguments.GetValue(ImportOptions.Format) ?? (name == "-" ? null : ImportInput.FormatOf(name));
        var settings = said is null ? null : ImportOptions.Read(arguments, said, options);

        // The file comes first: one that isn't there leaves no new store behind.
        using var file = InputFile.Open(name);
        var format = said ?? ImportInput.FormatOf(file.Begin);
        settings ??= ImportOptions.Read(arguments, format, options);
        if (arguments.GetValue(DryRun))
        {
            return await DryRunAsync(arguments, options, file, format, settings, cancellationToken);
        }

        var rejectsPath = arguments.GetValue(Rejects) ?? (name == "-" ? "stdin.rejects.csv" : $"{name}.rejects.csv");
        if (name != "-" && Path.GetFullPath(name) == Path.GetFullPath(rejectsPath))
        {
            throw new UsageException($"--rejects {rejectsPath} is the file to import; name another one");
        }

        await using var rejects = RejectsFile.Open(rejectsPath);
        // Only what may be an append-only store has a use for an id of its content, for which the file is read once more.
        var id = arguments.GetValue(ImportId) ?? (options.AppendOnly || options.Store.Kind == StoreKind.Http
            ? IdOf(arguments, file)
            : null);
        await using var target = await ImportTarget.OpenAsync(loaded, cancellationToken);
        var metrics = new IncomingMetrics(target.Schema, options.NewMetrics, options.MaxMetrics);
        var known = metrics.Names.Count;
        IReadOnlyList<string> notes = [];
        var merges = false;
        var summary = await Terminal.ProgressAsync($"import {name}", async progress =>
        {
            progress.Report(new StoreProgress($"import {name}: understanding it", double.NaN));
            var input = ImportInput.Understand(
                file, format, settings with { Validator = () => ValidatorOf(target.Schema, options) }, metrics, cancellationToken);
            merges = input.Merges;
            var mode = ModeOf(arguments, format, input, options);
            var importer = new Importer(target, options.MaxSkew, options.OldestTime, TimeProvider.System, rejects, mode, id);
            using var source = input.Open();
            var result = await importer.RunAsync(
                source,
                rows => progress.Report(new StoreProgress($"import {name}: {Readable.Count(rows)} rows", file.Fraction)),
                cancellationToken);
            notes = [.. source.Notes, .. input.Guesses, .. New(metrics, known)];
            return result;
        });
        Show(arguments, name, summary, merges, notes, rejects);
        return summary.Rows > 0 && summary.Accepted == 0 ? ExitCode.Failure : ExitCode.Success;
    }

    /// <exception cref="UsageException">Rows that hold a part of a reading can't replace it.</exception>
    private static WriteMode ModeOf(ParseResult arguments, string format, Understanding input, TidemarkOptions options)
    {
        if (input.Merges && arguments.GetValue(Replace))
        {
            throw new UsageException("--replace is not for files in which several rows make one reading");
        }

        return input.Merges && options.AppendOnly && format != ImportInput.LineProtocol
            ? throw new CommandFailedException("several rows of this file make one reading, and an append-only store adds nothing to a "
                + "reading that it has: bring it into the shape of a row a reading first")
            : arguments.GetValue(Replace) || options.AppendOnly ? WriteMode.Replace : WriteMode.Merge;
    }

    private static ReadingValidator ValidatorOf(TelemetrySchema schema, TidemarkOptions options)
        => new([], schema, options.MaxSkew, TimeProvider.System, options.OldestTime, rawHorizon: null);

    private static IEnumerable<string> New(IncomingMetrics metrics, int known)
        => metrics.Names.Count == known ? [] : [$"new metrics: {string.Join(", ", metrics.Names.Skip(known))}"];

    private static async Task<int> DryRunAsync(
        ParseResult arguments,
        TidemarkOptions options,
        InputFile file,
        string format,
        ImportSettings settings,
        CancellationToken cancellationToken)
    {
        var (stored, _) = await StoreOpener.ReadSettingsAsync(options, cancellationToken);
        await using var store = stored is null ? null : await StoreOpener.OpenAsync(arguments, cancellationToken);
        var schema = store?.Schema ?? options.Schema;
        var metrics = new IncomingMetrics(schema, options.NewMetrics, options.MaxMetrics);
        await using var rejects = new RejectsFile(null);
        var (input, importer, summary, notes) = await Terminal.ProgressAsync($"import {file.Name}", async _ =>
        {
            var input = ImportInput.Understand(
                file, format, settings with { Validator = () => ValidatorOf(schema, options) }, metrics, cancellationToken);
            var importer = new Importer(
                ImportTarget.Nowhere(schema), options.MaxSkew, options.OldestTime, TimeProvider.System, rejects,
                ModeOf(arguments, format, input, options));
            using var source = input.Open();
            return (input, importer, await importer.RunAsync(source, _ => { }, cancellationToken), source.Notes);
        });
        var command = $"tidemark import {UnderstoodText.Quoted(file.Name)} {string.Join(' ', input.Arguments)}";
        if (arguments.GetValue(GlobalOptions.Json))
        {
            Terminal.Json(new
            {
                File = file.Name,
                Understood = input.Facts.Select(fact => new { fact.What, fact.How }),
                summary.Rows,
                First = importer.First.Select(r => new { r.SensorId, r.Time, Values = r.Values.ToDictionary(v => v.Metric, v => v.Value) }),
                summary.Refused,
                Refusals = rejects.First.Select(r => new { r.Line, r.Reason }),
                Notes = notes,
                Command = command,
            });
            return ExitCode.Success;
        }

        foreach (var (what, how) in input.Facts)
        {
            Terminal.Line($"{what}: {how}");
        }

        Terminal.Line($"{Readable.Count(summary.Rows, "row")}, {Readable.Count(summary.Refused)} refused; nothing is stored");
        foreach (var (sensor, time, values) in importer.First)
        {
            var shown = values.Select(v => string.Create(CultureInfo.InvariantCulture, $"{v.Metric}={v.Value}"));
            Terminal.Line($"  {string.Join(' ', [time.ToString(), sensor, .. shown])}");
        }

        foreach (var (line, reason) in rejects.First)
        {
            Terminal.Line($"  line {line} refused: {reason}");
        }

        Terminal.Line(command);
        return ExitCode.Success;
    }

    /// <summary>The same file read in the same way is the same import.</summary>
    private static string IdOf(ParseResult arguments, InputFile file)
    {
        var options = ImportOptions.All.SelectMany(
            option => arguments.GetResult(option)?.Tokens.Select(t => $"{option.Name} {t.Value}\n") ?? []);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using (var stream = new FileStream(file.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
        {
            hash.AppendData(SHA256.HashData(stream));
        }

        hash.AppendData(Encoding.UTF8.GetBytes(string.Concat(options)));
        return $"import {Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }

    private static void Show(
        ParseResult arguments, string file, ImportSummary summary, bool merges, IReadOnlyList<string> notes, RejectsFile rejects)
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
                summary.Repeated,
                summary.Refused,
                Rejects = rejectsPath,
                Notes = notes,
            });
            return;
        }

        var repeated = summary.Repeated > 0 && !merges ? $", {Readable.Count(summary.Repeated)} repeated in the file" : "";
        var refused = rejectsPath is null ? "" : $", see {rejectsPath}";
        Terminal.Line($"{file}: {Readable.Count(summary.Rows, "row")}: {Readable.Written(result)}{repeated}, "
            + $"{Readable.Count(summary.Refused)} refused{refused}");
        foreach (var note in notes)
        {
            Terminal.Line(note);
        }
    }
}
