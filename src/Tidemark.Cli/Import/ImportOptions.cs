using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text;
using System.Text.RegularExpressions;
using Tidemark.Configuration;

namespace Tidemark.Cli.Import;

/// <summary>The options of <c>tidemark import</c> that say how a file is to be understood.</summary>
internal static partial class ImportOptions
{
    public static readonly Option<string?> Format = new("--format")
    {
        Description = "csv (with a header), ndjson (JSON objects: one a line, in an array, or one after the other), parquet or "
            + "line-protocol. Else by the file's extension, or by the first bytes of standard input. gzip and zstd are unpacked.",
        HelpName = string.Join('|', ImportInput.Formats),
    };

    private static readonly Option<Dictionary<string, string>> Map = new("--map")
    {
        Description = "Which columns give time, sensor_id and metrics, such as time=date,temperature=temp; others are matched by name, "
            + "ignoring case. time=date+clock joins two. Once it names a metric, columns that it doesn't name make no new ones. In JSON "
            + "data.temp is temp in data. May be given several times.",
        HelpName = "FIELD=COLUMN,…",
        CustomParser = ParseMap,
        AllowMultipleArgumentsPerToken = false,
        Arity = ArgumentArity.OneOrMore,
    };

    private static readonly Option<string?> Sensor = new("--sensor") { Description = "The sensor of all rows.", HelpName = "NAME" };

    private static readonly Option<string?> TimeZone = new("--time-zone")
    {
        Description = "Where times without a zone are local, such as Europe/Berlin or +01:00. A time that a clock change skips is refused; "
            + "of an hour that it repeats the order of the rows tells the two passes apart.",
        HelpName = "ZONE",
    };

    private static readonly Option<string?> Form = new("--time-format")
    {
        Description = "The form of all times, such as 'dd/MM/yyyy HH:mm' or '%d/%m/%Y %H:%M'. Else RFC 3339, numbers, and dates that begin "
            + "with the year.",
        HelpName = "FORM",
    };

    private static readonly Option<string?> Unit = new("--time-unit")
    {
        Description = "What times that are numbers count since 1970. Else the one unit that puts all of them between 1990 and now, or the "
            + "import stops.",
        HelpName = "s|ms|us|ns",
    };

    private static readonly Option<string?> EncodingName = new("--encoding")
    {
        Description = "The encoding of a file without a byte order mark, such as windows-1252 or utf-16. Default UTF-8; a row that isn't "
            + "is refused.",
        HelpName = "NAME",
    };

    private static readonly Option<string?> Delimiter = new("--delimiter")
    {
        Description = "What separates the columns: one character, or tab. Else comma, semicolon, tab or bar, whichever the first lines "
            + "have.",
        HelpName = "CHAR",
    };

    private static readonly Option<int?> HeaderLine = Lines("--header-line", 1, "The line of the header. Else the first that isn't blank.");

    private static readonly Option<int?> SkipAfterHeader
        = Lines("--skip-after-header", 0, "How many lines behind the header are no rows, such as one with units. Default 0.");

    private static readonly Option<string?> Comment = new("--comment")
    {
        Description = "Lines that begin with this character are no rows.",
        HelpName = "CHAR",
    };

    private static readonly Option<string?> Decimal = new("--decimal")
    {
        Description = "What stands before decimals: a point (default) or a comma.",
        HelpName = ".|,",
    };

    private static readonly Option<string?> Thousands = new("--thousands")
    {
        Description = "What stands between groups of digits, such as a point, a comma, a blank or '. Default nothing.",
        HelpName = "CHAR",
    };

    private static readonly Option<string[]> Null = new("--null")
    {
        Description = "A word that stands for no value, beside empty fields, NaN, NULL, NA, N/A and the like. May be given several times.",
        HelpName = "WORD",
    };

    private static readonly Option<string?> MetricColumn = new("--metric-column")
    {
        Description = "The column that names the metric of a row with one value; --map METRIC=NAME gives its names others.",
        HelpName = "COLUMN",
    };

    private static readonly Option<string?> ValueColumn = new("--value-column")
    {
        Description = "The column of the value of such a row.",
        HelpName = "COLUMN",
    };

    private static readonly Option<bool> SensorsInColumns = new("--sensors-in-columns")
    {
        Description = "Each column beside the time has the values of one sensor, of which it has the name. Needs --metric.",
    };

    private static readonly Option<string?> MetricOfSensors = new("--metric")
    {
        Description = "The metric of all values with --sensors-in-columns.",
        HelpName = "METRIC",
    };

    public static IReadOnlyList<Option> All { get; } =
    [
        Format, Map, Sensor, TimeZone, Form, Unit, EncodingName, Delimiter, HeaderLine, SkipAfterHeader, Comment, Decimal, Thousands, Null,
        MetricColumn, ValueColumn, SensorsInColumns, MetricOfSensors,
    ];

    public static void AddValidators()
    {
        Format.AcceptOnlyFromAmong([.. ImportInput.Formats]);
        Unit.AcceptOnlyFromAmong([.. TimeUnit.All.Select(unit => unit.Name)]);
        Decimal.AcceptOnlyFromAmong(".", ",");
        Require(Delimiter, text => text == "tab" || (text.Length == 1 && text is not ("\"" or "\n" or "\r")), "one character, or tab");
        Require(Comment, text => text.Length == 1 && text is not ("\"" or "\n" or "\r"), "one character");
        Require(Thousands, text => text.Length == 1 && !char.IsAsciiLetterOrDigit(text[0]) && text is not ("-" or "+"), "one mark");
        Require(Form, text => TimeForm.Parse(text) is not null, "a form such as 'dd/MM/yyyy HH:mm' or '%d/%m/%Y %H:%M'");
        Require(MetricOfSensors, text => Identifier.IsValid(text), "the name of a metric");
    }

    /// <exception cref="UsageException">Options don't go together, or not with the format.</exception>
    /// <exception cref="CommandFailedException">There is no such time zone.</exception>
    public static ImportSettings Read(ParseResult arguments, string format, TidemarkOptions options)
    {
        Check(arguments, format);
        var delimiter = arguments.GetValue(Delimiter);
        return new ImportSettings
        {
            Mapping = arguments.GetValue(Map) ?? [],
            Sensor = arguments.GetValue(Sensor),
            Zone = ImportTime.Zone(arguments.GetValue(TimeZone)),
            TimeForm = arguments.GetValue(Form) is { } form ? TimeForm.Parse(form) : null,
            Unit = TimeUnit.Find(arguments.GetValue(Unit)) ?? options.TimeUnit,
            MaxSkew = options.MaxSkew,
            LineNaming = options.LineNaming,
            Encoding = EncodingOf(arguments.GetValue(EncodingName)),
            Dialect = new CsvDialect
            {
                Delimiter = delimiter == "tab" ? '\t' : delimiter?[0],
                HeaderLine = arguments.GetValue(HeaderLine),
                SkipAfterHeader = arguments.GetValue(SkipAfterHeader) ?? 0,
                Comment = arguments.GetValue(Comment)?[0],
                MaxRow = options.Server.MaxLine,
            },
            DecimalMark = arguments.GetValue(Decimal)?[0] ?? '.',
            Thousands = arguments.GetValue(Thousands)?[0],
            Missing = arguments.GetValue(Null) ?? [],
            MetricColumn = arguments.GetValue(MetricColumn),
            ValueColumn = arguments.GetValue(ValueColumn),
            MetricOfSensors = arguments.GetValue(MetricOfSensors),
        };
    }

    private static void Check(ParseResult arguments, string format)
    {
        Option[] ofCsv = [Delimiter, HeaderLine, SkipAfterHeader, Comment];
        Option[] others = format switch
        {
            ImportInput.Ndjson => [.. ofCsv, SensorsInColumns, MetricOfSensors],
            ImportInput.Parquet => [.. ofCsv, EncodingName],
            ImportInput.LineProtocol => [.. All.Except([Format, Unit])],
            _ => [],
        };
        if (others.FirstOrDefault(option => arguments.GetResult(option) is { Implicit: false }) is { } other)
        {
            throw new UsageException($"{other.Name} is not for {format}");
        }

        if (arguments.GetValue(Sensor) is { } sensor && SensorId.Check(sensor) is { } error)
        {
            throw new UsageException($"--sensor: {error}");
        }

        Together(MetricColumn, ValueColumn);
        Together(SensorsInColumns, MetricOfSensors);
        if (Has(SensorsInColumns) && (Has(MetricColumn) || Has(Sensor)))
        {
            throw new UsageException($"--sensors-in-columns and {(Has(Sensor) ? Sensor.Name : MetricColumn.Name)} say different things");
        }

        if (Has(SensorsInColumns) && arguments.GetValue(Map)?.Keys.FirstOrDefault(name => name != ColumnMap.TimeName) is { } mapped)
        {
            throw new UsageException($"--map {mapped}=… says nothing with --sensors-in-columns, whose columns are all of --metric");
        }

        if (arguments.GetValue(Thousands) is { } thousands && thousands == (arguments.GetValue(Decimal) ?? "."))
        {
            throw new UsageException($"--thousands '{thousands}' stands before decimals: say what does with --decimal");
        }

        bool Has(Option option) => arguments.GetResult(option) is { Implicit: false };

        void Together(Option one, Option two)
        {
            if (Has(one) != Has(two))
            {
                throw new UsageException($"{(Has(one) ? one : two).Name} needs {(Has(one) ? two : one).Name}");
            }
        }
    }

    private static Encoding? EncodingOf(string? name)
    {
        try
        {
            Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
            return name is null ? null : Encoding.GetEncoding(name);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new UsageException($"--encoding '{name}' is not known; names look like windows-1252, iso-8859-15, shift_jis or utf-16");
        }
    }

    private static Option<int?> Lines(string name, int least, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result =>
        {
            if (int.TryParse(result.Tokens[0].Value, System.Globalization.CultureInfo.InvariantCulture, out var value)
                && value >= least && value <= 1_000_000)
            {
                return value;
            }

            result.AddError($"{name} '{result.Tokens[0].Value}' is not a whole number from {least} to 1000000");
            return null;
        },
    };

    private static void Require(Option<string?> option, Func<string, bool> isRight, string form)
        => option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } text && !isRight(text))
            {
                result.AddError($"{option.Name} '{text}' is not {form}");
            }
        });

    private static Dictionary<string, string> ParseMap(ArgumentResult result)
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

    // A comma separates pairs only where the next one begins: names of columns may hold commas.
    [GeneratedRegex(",(?=[a-z][a-z0-9_]*=)")]
    private static partial Regex NextPair();
}
