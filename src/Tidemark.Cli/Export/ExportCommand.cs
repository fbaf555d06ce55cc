using System.CommandLine;
using Tidemark.Cli.Import;
using Tidemark.Server.Export;

namespace Tidemark.Cli.Export;

/// <summary><c>tidemark export raw|AGGREGATE</c>: readings or buckets as a file.</summary>
internal static class ExportCommand
{
    private const string Raw = "raw";

    private static readonly Argument<string> Table = new("TABLE") { Description = "raw, or the name of an aggregate such as hourly." };

    private static readonly Option<string?> Sensor = new("--sensor")
    {
        Description = "One sensor. Else all, in no particular order.",
        HelpName = "ID"
    };

    private static readonly Option<string?> Period = new("--period")
    {
        Description = "How far back, such as 1d, 1w, 1m or 1y. Else everything.",
        HelpName = "PERIOD"
    };

    private static readonly Option<Instant?> From = TypedOption.Time("--from", "The first time.");

    private static readonly Option<Instant?> To = TypedOption.Time("--to", "The time to stop before.");

    private static readonly Option<string?> Output = new("--output", "-o")
    {
        Description = "A .csv, .ndjson, .parquet or .lp file; replaced once the new one is whole. Else standard output.",
        HelpName = "FILE",
    };

    private static readonly Option<string?> Format = new("--format")
    {
        Description = "What to write. Else by the extension of --output, CSV on standard output.",
        HelpName = string.Join('|', ImportInput.Formats),
    };

    public static Command Create()
    {
        var command = new Command("export", "Write raw readings or an aggregate as CSV, NDJSON, Parquet or line protocol.")
        {
            Table, Sensor, Period, From, To, Output, Format,
        };
        Format.AcceptOnlyFromAmong([.. ImportInput.Formats]);
        command.Validators.Add(result =>
        {
            if (result.GetResult(Period) is { } period && (result.GetResult(From) ?? result.GetResult(To)) is not null)
            {
                result.AddError("--period and --from or --to say the same; give one of them");
            }

            if (result.GetResult(GlobalOptions.Json) is not null && result.GetResult(Output) is null)
            {
                result.AddError("--json needs --output FILE: standard output holds the rows");
            }
        });
        Period.Validators.Add(result =>
        {
            if (!Time.Period.TryParse(result.GetValueOrDefault<string?>(), out _, out var error))
            {
                result.AddError($"--{error}");
            }
        });
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var output = arguments.GetValue(Output);
        var write = WriterOf(output, arguments.GetValue(Format));
        var range = RangeOf(arguments);
        await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
        await using var reader = await OpenAggregateAsync(store, arguments, range, cancellationToken);
        var table = reader is null
            ? await OpenRawAsync(store, arguments.GetValue(Sensor), range, cancellationToken)
            : ExportTable.Of(store.Schema.Aggregate(arguments.GetRequiredValue(Table)), reader);
        if (output is null)
        {
            await using var standard = Console.OpenStandardOutput();
            await write(table, standard, cancellationToken);
            return ExitCode.Success;
        }

        var rows = await Terminal.ProgressAsync($"export {output}", async progress =>
        {
            var total = 0L;
            var counted = table.Counted(
                passed => progress.Report(new StoreProgress($"export {output}: {Readable.Count(total = passed)} rows", double.NaN)));
            await PartialFile.WriteAsync(output, stream => write(counted, stream, cancellationToken), cancellationToken);
            return total;
        });
        if (arguments.GetValue(GlobalOptions.Json))
        {
            Terminal.Json(new { File = output, Rows = rows });
        }
        else
        {
            Terminal.Line($"{output}: {Readable.Count(rows, "row")}");
        }

        return ExitCode.Success;
    }

    /// <summary>Its columns are those that the store has now, or of one sensor those that its answers have.</summary>
    private static async Task<ExportTable> OpenRawAsync(
        ITelemetryStore store,
        string? sensorId,
        TimeRange range,
        CancellationToken cancellationToken)
    {
        var metrics = sensorId is null ? store.Schema.MetricNames : (await store.ReadCurrentAsync(sensorId, cancellationToken)).Metrics;
        return ExportTable.Of(metrics, store.ReadRawAsync(new RawQuery(sensorId, range) { Metrics = metrics }, cancellationToken));
    }

    private static async Task<AggregateReader?> OpenAggregateAsync(
        ITelemetryStore store,
        ParseResult arguments,
        TimeRange range,
        CancellationToken cancellationToken)
    {
        var table = arguments.GetRequiredValue(Table);
        if (table == Raw)
        {
            if (await store.ReadRawHorizonAsync(cancellationToken) is { } horizon && range.From < horizon)
            {
                Terminal.Note($"retention has dropped the readings before {horizon}: the export begins there");
            }

            return null;
        }

        var reader = await store.ReadAggregateAsync(new AggregateQuery(table, arguments.GetValue(Sensor), range), cancellationToken);
        if (reader.Pending)
        {
            Terminal.Note("late readings wait for a refresh of some of these buckets; tidemark refresh brings them up to date");
        }

        return reader;
    }

    private static Func<ExportTable, Stream, CancellationToken, Task> WriterOf(string? output, string? format)
        => (format ?? FormatOf(output)) switch
        {
            ImportInput.Ndjson => JsonExport.WriteLinesAsync,
            ImportInput.LineProtocol => LineProtocolExport.WriteAsync,
            ImportInput.Parquet => output is null
                ? throw new UsageException("--format parquet needs --output FILE")
                : ParquetExport.WriteAsync,
            _ => CsvExport.WriteAsync,
        };

    private static string FormatOf(string? output) => Path.GetExtension(output)?.ToLowerInvariant() switch
    {
        null or ".csv" => ImportInput.Csv,
        ".ndjson" or ".jsonl" => ImportInput.Ndjson,
        ".parquet" => ImportInput.Parquet,
        ".lp" => ImportInput.LineProtocol,
        _ => throw new UsageException($"--output {output}: the extension is none of .csv, .ndjson, .parquet and .lp; give --format"),
    };

    private static TimeRange RangeOf(ParseResult arguments)
    {
        if (arguments.GetValue(Period) is { } period)
        {
            return Time.Period.Parse(period).Until(Instant.From(TimeProvider.System.GetUtcNow()));
        }

        var range = new TimeRange(arguments.GetValue(From) ?? Instant.MinValue, arguments.GetValue(To) ?? Instant.MaxValue);
        return range.IsEmpty ? throw new UsageException($"--from {range.From} is not before --to {range.To}") : range;
    }
}
