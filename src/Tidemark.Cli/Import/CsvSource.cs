using System.Globalization;
using System.Text;
using Sylvan.Data.Csv;

namespace Tidemark.Cli.Import;

/// <summary>How a CSV file is to be understood.</summary>
internal sealed record CsvLayout
{
    /// <summary>By field the name of its column.</summary>
    public IReadOnlyDictionary<string, string> Mapping { get; init; } = new Dictionary<string, string>();

    /// <summary>The sensor of all rows; null when a column gives it.</summary>
    public string? Sensor { get; init; }

    /// <summary>Null to detect comma, semicolon, tab or bar from the header.</summary>
    public char? Delimiter { get; init; }

    public required ImportTime Time { get; init; }

    /// <summary>Of the file, unless it begins with a byte-order mark.</summary>
    public Encoding Encoding { get; init; } = Encoding.UTF8;

    /// <summary>The longest row in characters, at least 1024.</summary>
    public int MaxRow { get; init; } = 64 << 10;
}

/// <summary>
/// Rows of a CSV file with a header. A row with broken quotes ends at its line end: reading goes on behind it.
/// </summary>
internal sealed class CsvSource : ReadingSource
{
    // Stands for bytes that are not text in the file's encoding; no text has it.
    private const char Undecodable = '\uFFFF';

    // One buffer for all; nothing of a row outlives it.
    private readonly char[] _buffer;
    private readonly RewindableReader _text;
    private readonly CsvLayout _layout;
    private readonly TelemetrySchema _schema;
    private readonly double[] _values;
    private readonly Dictionary<string, string> _sensorIds = new(StringComparer.Ordinal);
    private readonly ColumnMap? _map;
    private readonly char _delimiter;
    private CsvDataReader? _rows;
    private long _end;
    private long _nextLine = 1;
    private string? _fault;
    private string _faultText = "";
    private long _line;

    /// <param name="stream">Disposed with the source.</param>
    /// <param name="schema">Its metrics are looked for in the header.</param>
    /// <param name="layout">How the file is to be understood.</param>
    /// <exception cref="CommandFailedException">The header lacks a column.</exception>
    public CsvSource(Stream stream, TelemetrySchema schema, CsvLayout layout)
    {
        (_layout, _schema) = (layout, schema);
        _values = new double[schema.Metrics.Count];
        _buffer = new char[Math.Max(1024, layout.MaxRow)];
        // What the CSV reader holds in its buffer and has not answered yet must be in reach, and a peek more.
        var encoding = Encoding.GetEncoding(
            layout.Encoding.CodePage,
            EncoderFallback.ExceptionFallback,
            new DecoderReplacementFallback($"{Undecodable}"));
        _text = new RewindableReader(new StreamReader(stream, encoding, detectEncodingFromByteOrderMarks: true), 2 * _buffer.Length);
        while (_text.ReadLine(_buffer.Length) is { } line)
        {
            if (_text.Position - _end > _buffer.Length)
            {
                throw NotAHeader();
            }

            if (!string.IsNullOrWhiteSpace(line))
            {
                _delimiter = layout.Delimiter ?? Detect(line);
                _text.Rewind(_end);
                if (line.Contains(Undecodable))
                {
                    throw new CommandFailedException($"line {_nextLine} {NotText()}");
                }

                _map = ColumnMap.Create(ReadHeader(), schema, layout.Mapping, layout.Sensor is not null);
                break;
            }

            _end = _text.Position;
            _nextLine++;
        }
    }

    public override long Line => _line;

    public override ReadOnlySpan<char> Text => _fault is null ? _rows!.GetRawRecordSpan().TrimEnd("\r\n") : _faultText;

    public override IReadOnlyList<string> Notes =>
    [
        .. _map is { Ignored.Count: > 0 } ? ["columns without a metric, ignored: "
            + $"{string.Join(", ", _map.Ignored.Select(name => name.Length == 0 ? "(no name)" : name))}"] : Array.Empty<string>(),
        .. _layout.Time.Repeated > 0 ? [$"{Readable.Count(_layout.Time.Repeated, "local time")} fell into an hour that a clock change "
            + "repeats: the first of the two was taken"] : Array.Empty<string>(),
    ];

    public override bool Next()
    {
        if (_map is null)
        {
            return false;
        }

        do
        {
            _fault = null;
            _line = _nextLine;
            try
            {
                _rows ??= Open();
                if (!_rows.Read())
                {
                    return false;
                }

                var record = _rows.GetRawRecordSpan();
                Pass(record);
                if (record.Contains(Undecodable))
                {
                    (_fault, _faultText) = ($"the row {NotText()}", Shown(record.TrimEnd("\r\n")));
                }
            }
            catch (CsvFormatException e)
            {
                GoOnBehind(e);
            }
        }
        while (Text.IsWhiteSpace());

        return true;
    }

    public override IReadOnlyList<string> Metrics => _schema.MetricNames;

    public override ReadOnlySpan<double> Values => _values;

    public override string? TryRead(out string sensorId, out Instant time)
    {
        (sensorId, time) = ("", default);
        if (_fault is not null)
        {
            return _fault;
        }

        if (!HasRightLength())
        {
            return $"the row has {_rows!.RowFieldCount} fields, the header {_map!.Columns}";
        }

        sensorId = _layout.Sensor ?? SensorId(TrimUnquoted(_rows!.GetFieldSpan(_map!.Sensor)));
        return _layout.Time.TryRead(_rows!.GetFieldSpan(_map!.Time), out time) ?? ReadValues(_values);
    }

    public override void Dispose()
    {
        _rows?.Dispose();
        _text.Dispose();
    }

    private static char Detect(string line) => ",;\t|".MaxBy(delimiter =>
    {
        try
        {
            return CsvDataReader.Create(new StringReader(line), new CsvDataReaderOptions { HasHeaders = false, Delimiter = delimiter })
                .FieldCount;
        }
        catch (CsvFormatException)
        {
            return 0;
        }
    });

    private List<string> ReadHeader()
    {
        try
        {
            _rows = Open();
            _rows.Read();
            Pass(_rows.GetRawRecordSpan());
            return [.. Enumerable.Range(0, _rows.RowFieldCount).Select(field => _rows.GetFieldSpan(field).Trim().ToString())];
        }
        catch (CsvFormatException)
        {
            throw NotAHeader();
        }
    }

    private string NotText() => _layout.Encoding.CodePage == Encoding.UTF8.CodePage
        ? "is not UTF-8: say what it is, such as --encoding windows-1252"
        : $"is not {_layout.Encoding.WebName}, which --encoding says";

    private static string Shown(ReadOnlySpan<char> text) => text.ToString().Replace(Undecodable, '\uFFFD');

    private CommandFailedException NotAHeader()
        => new($"line {_nextLine} is not a CSV header: a quote is not closed, or it is longer than {_buffer.Length} characters");

    private CsvDataReader Open() => CsvDataReader.Create(_text, _buffer, new CsvDataReaderOptions
    {
        HasHeaders = false,
        Delimiter = _delimiter,
        OwnsReader = false,
        // A row may begin with any character that text has: decoding never answers half of a pair alone.
        Comment = '\uDFFF',
        ResultSetMode = ResultSetMode.SingleResult,
    });

    private void Pass(ReadOnlySpan<char> record)
    {
        _end += record.Length;
        _nextLine += record.Count('\n') + (record.Contains('\n') ? 0 : record.Count('\r'));
    }

    private void GoOnBehind(CsvFormatException error)
    {
        _rows = null;
        _text.Rewind(_end);
        _faultText = Shown(_text.ReadLine(_buffer.Length));
        _end = _text.Position;
        _nextLine++;
        _fault = error is CsvRecordTooLargeException
            ? $"the row is longer than {_buffer.Length} characters, or a quote is not closed"
            : "a quote is not closed, or stands inside a quoted field without being doubled";
    }

    /// <summary>Rows may end with empty fields that the header lacks.</summary>
    private bool HasRightLength()
    {
        var fields = _rows!.RowFieldCount;
        while (fields > _map!.Columns && _rows.GetFieldSpan(fields - 1).IsWhiteSpace())
        {
            fields--;
        }

        return fields == _map.Columns;
    }

    private string? ReadValues(Span<double> values)
    {
        for (var m = 0; m < values.Length; m++)
        {
            values[m] = double.NaN;
            if (_map!.Metrics[m] < 0)
            {
                continue;
            }

            var field = _rows!.GetFieldSpan(_map.Metrics[m]).Trim();
            if (!field.IsEmpty && (field.Contains('\0')
                || !double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out values[m])
                || double.IsNaN(values[m])))
            {
                return $"{_schema.Metrics[m].Name} '{ImportTime.Shown(field)}' is not a number such as -12.5";
            }
        }

        return null;
    }

    /// <summary>Blanks between a delimiter and a field are no part of it, those inside quotes are.</summary>
    private ReadOnlySpan<char> TrimUnquoted(ReadOnlySpan<char> field)
    {
        var record = _rows!.GetRawRecordSpan();
        return record.Overlaps(field, out var start) && (start == 0 || record[start - 1] != '"') ? field.Trim() : field;
    }

    /// <summary>The same instance for the same id, made once.</summary>
    private string SensorId(ReadOnlySpan<char> field)
    {
        const int Most = 1_000_000;
        var known = _sensorIds.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!known.TryGetValue(field, out var id))
        {
            if (_sensorIds.Count == Most)
            {
                _sensorIds.Clear();
            }

            id = field.ToString();
            _sensorIds.Add(id, id);
        }

        return id;
    }
}
