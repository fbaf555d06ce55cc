using System.CommandLine;
using Tidemark.Series;
using Tidemark.Server.Export;
using Tidemark.Server.Series;
using Tidemark.Server.Wire;

namespace Tidemark.Cli.Query;

/// <summary><c>tidemark query SENSORS</c>: asks any store what <c>GET /api/series</c> answers, and draws it.</summary>
internal static class QueryCommand
{
    private const string DefaultPeriod = "1d";
    private const string Drawn = "chart";

    private static readonly Argument<string> Sensors = new("SENSORS") { Description = $"{SeriesParameters.SensorsForm}." };

    private static readonly Option<string?> Metrics = Text("--metrics", "NAMES", "Such as temperature,humidity. Else what each has.");

    private static readonly Option<string?> Period = Text("--period", "PERIOD", $"How far back, such as 1w. Default {DefaultPeriod}.");

    private static readonly Option<Instant?> From = TypedOption.Time("--from", "Instead of --period: the first time.");

    private static readonly Option<Instant?> To = TypedOption.Time("--to", "With --from: the time to stop before.");

    private static readonly Option<string?> Bucket = Text("--bucket", "WIDTH", $"What a point spans: {SeriesBucket.Form}. Default auto.");

    private static readonly Option<string?> Points = Text(
        "--points", "N", $"The most points of a sensor with --bucket auto or --downsample. Default {SeriesQuery.DefaultPoints}.");

    private static readonly Option<string?> Functions = Text(
        "--fn", "NAMES", $"Of each metric in a bucket: {SeriesFunctions.Form}; several with commas. Default avg.");

    private static readonly Option<string?> Zone = Text("--tz", "ZONE", "Whose days are meant, such as Europe/Berlin. Default UTC.");

    private static readonly Option<string?> Fill = Text(
        "--fill", "KIND", "What a bucket without readings holds: none, null, previous or linear. Default none: it is left out.");

    private static readonly Option<string?> Lookback = Text(
        "--lookback", "DURATION", "How far before the range a value that lasts into it is looked for, such as 2d.");

    private static readonly Option<string?> Downsample = Text(
        "--downsample", "KIND", "How readings beyond --points are thinned out: none, lttb or minmax.");

    private static readonly Option<string> Format = new("--format")
    {
        Description = $"What to print. Default {Drawn}.",
        HelpName = $"{Drawn}|csv|json|ndjson",
        DefaultValueFactory = _ => Drawn,
    };

    private static readonly Option<string?> Picture = Text("--chart", "FILE", "Draw into a .svg or .png file instead.");

    public static Command Create()
    {
        var command = new Command("query", "Show sensors over time: readings, or buckets of any width.")
        {
            Sensors, Metrics, Period, From, To, Bucket, Points, Functions, Zone, Fill, Lookback, Downsample, Format, Picture,
        };
        Format.AcceptOnlyFromAmong(Drawn, "csv", "json", "ndjson");
        command.Validators.Add(result =>
        {
            if (result.GetResult(Period) is not null && (result.GetResult(From) ?? result.GetResult(To)) is not null)
            {
                result.AddError("--period and --from or --to say the same; give one of them");
            }
            else if (result.GetResult(To) is not null && result.GetResult(From) is null)
            {
                result.AddError("--to needs --from");
            }
        });
        Period.Validators.Add(result =>
        {
            if (!Time.Period.TryParse(result.GetValueOrDefault<string?>(), out _, out var error))
            {
                result.AddError($"--{error}");
            }
        });
        Picture.Validators.Add(result =>
        {
            if (Path.GetExtension(result.GetValueOrDefault<string?>())?.ToLowerInvariant() is not (".svg" or ".png"))
            {
                result.AddError($"--chart '{result.GetValueOrDefault<string?>()}' ends neither in .svg nor in .png");
            }
        });
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var now = Instant.From(TimeProvider.System.GetUtcNow());
        var range = RangeOf(arguments, now);
        var format = arguments.GetValue(GlobalOptions.Json) ? "json" : arguments.GetRequiredValue(Format);
        await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
        var query = QueryOf(arguments, store.Schema, range.Range, now);
        if (format == Drawn && query is { Bucket.IsRaw: true, Downsampling: Downsampling.None })
        {
            // More than the points would only be drawn over each other.
            query = query with { Downsampling = Downsampling.MinMax };
        }

        await using var reader = await store.ReadSeriesAsync(query, cancellationToken);
        if (format == Drawn)
        {
            await new SeriesChart(store.Schema, query, reader).DrawAsync(arguments.GetValue(Picture), cancellationToken);
        }
        else
        {
            await WriteAsync(store, query, reader, range, format, cancellationToken);
        }

        return ExitCode.Success;
    }

    private static async Task WriteAsync(
        ITelemetryStore store, SeriesQuery query, SeriesReader reader, RangeQuery range, string format, CancellationToken cancellationToken)
    {
        await using var output = Console.OpenStandardOutput();
        if (format == SeriesFormat.Json.Name)
        {
            await using var answer = new AnswerWriter(output);
            await new SeriesColumns(answer, query, int.MaxValue, epochMillis: false)
                .WriteAsync(reader, json => json.WriteRange(range), cancellationToken);
            answer.EndLine();
            await answer.CompleteAsync(cancellationToken);
            return;
        }

        var table = await SeriesTable.OpenAsync(store, query, reader, cancellationToken);
        await (format == "csv"
            ? CsvExport.WriteAsync(table, output, cancellationToken)
            : JsonExport.WriteLinesAsync(table, output, cancellationToken));
    }

    private static RangeQuery RangeOf(ParseResult arguments, Instant now)
    {
        if (arguments.GetValue(From) is not { } from)
        {
            var period = arguments.GetValue(Period) ?? DefaultPeriod;
            return new RangeQuery(Time.Period.Parse(period).Until(now), period);
        }

        var range = new TimeRange(from, arguments.GetValue(To) ?? Instant.MaxValue);
        return range.IsEmpty
            ? throw new UsageException($"--from {range.From} is not before --to {range.To}")
            : new RangeQuery(range, null);
    }

    private static SeriesQuery QueryOf(ParseResult arguments, TelemetrySchema schema, TimeRange range, Instant now)
    {
        var errors = new List<string>();
        var parameters = new SeriesParameters
        {
            Sensors = arguments.GetValue(Sensors),
            Metrics = arguments.GetValue(Metrics),
            Bucket = arguments.GetValue(Bucket),
            Points = arguments.GetValue(Points),
            Functions = arguments.GetValue(Functions),
            Zone = arguments.GetValue(Zone),
            Fill = arguments.GetValue(Fill),
            Lookback = arguments.GetValue(Lookback),
            Downsampling = arguments.GetValue(Downsample),
        };
        var query = parameters.ToQuery(schema, range, now, errors);
        errors.AddRange(query.Faults());
        return errors.Count == 0 ? query : throw new UsageException(string.Join("; ", errors));
    }

    private static Option<string?> Text(string name, string value, string description)
        => new(name) { Description = description, HelpName = value };
}
