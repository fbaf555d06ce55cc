using System.Text;
using Sylvan.Data.Csv;

namespace Tidemark.Cli.Import;

/// <summary>
/// Rows of a CSV file with a header. A row with broken quotes ends at its line end: reading goes on behind it.
/// </summary>
internal sealed class CsvRows : TableRows
{
    // Stands for bytes that are not text in the file's encoding; nobody writes these characters one after the other.
    private const string Undecodable = "\uFFFF\uFFFE\uFFFF\uFFFE";

    private const int DetectionLines = 20;

    // One buffer for all; nothing of a row outlives it.
    private readonly char[] _buffer;
    private readonly RewindableReader _text;
    private readonly CsvDialect _dialect;
    private readonly List<string> _header = [];
    private readonly int _named;
    private CsvDataReader? _rows;
    private long _end;
    private long _nextLine = 1;
    private string? _fault;
    private string _faultText = "";
    private long _line;

    /// <param name="stream">Disposed with the rows.</param>
    /// <param name="dialect">How the file is written.</param>
    /// <exception cref="CommandFailedException">There is no header where it is looked for.</exception>
    public CsvRows(Stream stream, CsvDialect dialect)
    {
        _dialect = dialect;
        _buffer = new char[Math.Max(1024, dialect.MaxRow)];
        var encoding = Encoding.GetEncoding(
            dialect.Encoding.CodePage,
            EncoderFallback.ExceptionFallback,
            new DecoderReplacementFallback(Undecodable));
        // What the CSV reader holds in its buffer and has not answered yet must be in reach, and a peek more.
        _text = new RewindableReader(
            new StreamReader(stream, encoding, detectEncodingFromByteOrderMarks: false),
            2 * _buffer.Length);
        if (!FindHeader(out var line))
        {
            return;
        }

        CheckText(line);
        Delimiter = dialect.Delimiter ?? (Delimiter == default ? Detect() : Delimiter);
        _header = ReadHeader();
        _named = 1 + _header.FindLastIndex(name => name.Length > 0);
        _text.Rewind(_end);
        _rows = null;
        for (var skipped = 0; skipped < dialect.SkipAfterHeader; skipped++)
        {
            SkipLine();
        }
    }

    public override IReadOnlyList<string> Header => _header;

    public char Delimiter { get; private set; }

    /// <summary>The line of the header, from 1.</summary>
    public long HeaderLine { get; private set; }

    public override long Line => _line;

    public override ReadOnlySpan<char> Text => _fault is null || _faultText.Length == 0
        ? _rows!.GetRawRecordSpan().TrimEnd("\r\n")
        : _faultText;

    public override string? Fault => _fault;

    public override bool Next()
    {
        if (_header.Count == 0)
        {
            return false;
        }

        do
        {
            (_fault, _faultText) = (null, "");
            try
            {
                _rows ??= Open();
                if (!_rows.Read())
                {
                    return false;
                }

                _line = _nextLine;
                var record = _rows.GetRawRecordSpan();
                Pass(record);
                if (record.Contains(Undecodable, StringComparison.Ordinal))
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

        if (_fault is null && !HasRightLength())
        {
            _fault = $"the row has {_rows!.RowFieldCount} fields, the header {_header.Count}";
        }

        return true;
    }

    public override ReadOnlySpan<char> Field(int column)
    {
        if (column >= _rows!.RowFieldCount)
        {
            return default;
        }

        var field = _rows.GetFieldSpan(column);
        var record = _rows.GetRawRecordSpan();
        return record.Overlaps(field, out var start) && (start == 0 || record[start - 1] != '"') ? field.Trim(" \t") : field;
    }

    public override void Dispose()
    {
        _rows?.Dispose();
        _text.Dispose();
    }

    private bool FindHeader(out string line)
    {
        while (_text.ReadLine(_buffer.Length) is { } read)
        {
            // Spreadsheets write a first line that names the delimiter.
            if (_nextLine == 1 && _dialect.HeaderLine is null && read is ['s' or 'S', 'e' or 'E', 'p' or 'P', '=', var named])
            {
                Delimiter = named;
                read = "";
            }

            var isHeader = _dialect.HeaderLine is { } wanted
                ? _nextLine == wanted
                : !string.IsNullOrWhiteSpace(read) && !(_dialect.Comment is { } comment && read.StartsWith(comment));
            if (isHeader)
            {
                if (_text.Position - _end > _buffer.Length)
                {
                    throw NotAHeader();
                }

                HeaderLine = _nextLine;
                line = read;
                _text.Rewind(_end);
                return true;
            }

            _end = _text.Position;
            _nextLine++;
        }

        line = "";
        return _dialect.HeaderLine is { } missing && missing > _nextLine
            ? throw new CommandFailedException($"--header-line {missing}: the file has {_nextLine - 1} lines")
            : false;
    }

    private void CheckText(string line)
    {
        if (line.Contains(Undecodable, StringComparison.Ordinal))
        {
            throw new CommandFailedException($"line {_nextLine} {NotText()}");
        }

        // Text in one byte a character has no NUL; every other byte of UTF-16 is one in most languages.
        if (line.Count(c => c == '\0') > line.Length / 3)
        {
            var bigEndian = line.StartsWith('\0');
            throw new CommandFailedException($"line {_nextLine} looks like UTF-16 without a byte order mark: say so with --encoding "
                + $"{(bigEndian ? "utf-16BE" : "utf-16")}");
        }
    }

    /// <summary>
    /// The one that gives the header several columns, and the most of the first rows as many. A comma comes last: texts and numbers have
    /// it, too.
    /// </summary>
    private char Detect()
    {
        var length = 0;
        while (length < _buffer.Length && _text.Read(_buffer.AsSpan(length)) is var read and > 0)
        {
            length += read;
        }

        _text.Rewind(_end);
        // What the buffer cuts off is no line.
        var lines = new string(_buffer, 0, length).Split('\n').SkipLast(length == _buffer.Length ? 1 : 0);
        var sample = lines.Select(line => line.TrimEnd('\r')).Where((line, i) => i == 0 || (i > _dialect.SkipAfterHeader && line.Length > 0
            && !(_dialect.Comment is { } comment && line.StartsWith(comment)))).Take(DetectionLines).ToList();
        return ";\t|,".MaxBy(delimiter =>
        {
            var counts = sample.ConvertAll(line => FieldCount(line, delimiter));
            return counts.Count == 0 ? 0 : counts[0] * ((counts[0] > 1 ? 1000 : 0) + counts.Count(count => count == counts[0]));
        });
    }

    private static int FieldCount(string line, char delimiter)
    {
        try
        {
            return CsvDataReader.Create(
                new StringReader(line),
                new CsvDataReaderOptions { HasHeaders = false, Delimiter = delimiter, Comment = '\uDFFF' }).FieldCount;
        }
        catch (CsvFormatException)
        {
            return 0;
        }
    }

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

    private void SkipLine()
    {
        if (_text.ReadLine(_buffer.Length) is not null)
        {
            _end = _text.Position;
            _nextLine++;
        }
    }

    private string NotText() => _dialect.Encoding.CodePage == Encoding.UTF8.CodePage
        ? "is not UTF-8: say what it is, such as --encoding windows-1252"
        : $"is not {_dialect.Encoding.WebName}, which its byte order mark or --encoding says";

    private static string Shown(ReadOnlySpan<char> text) => text.ToString().Replace(Undecodable, "\uFFFD", StringComparison.Ordinal);

    private CommandFailedException NotAHeader()
        => new($"line {_nextLine} is not a CSV header: a quote is not closed, or it is longer than {_buffer.Length} characters");

    private CsvDataReader Open() => CsvDataReader.Create(_text, _buffer, new CsvDataReaderOptions
    {
        HasHeaders = false,
        Delimiter = Delimiter,
        OwnsReader = false,
        // A row may begin with any character that text has: decoding never answers half of a pair alone.
        Comment = _dialect.Comment ?? '\uDFFF',
        CommentHandler = new Action<string>(_ => PassComment()),
        ResultSetMode = ResultSetMode.SingleResult,
    });

    private void Pass(ReadOnlySpan<char> record)
    {
        _end += record.Length;
        _nextLine += record.Count('\n') + (record.Contains('\n') ? 0 : record.Count('\r'));
    }

    /// <summary>The CSV reader tells of a comment when it is past it: its end is looked for in the text.</summary>
    private void PassComment()
    {
        var position = _text.Position;
        _text.Rewind(_end);
        SkipLine();
        _text.Rewind(position);
    }

    private void GoOnBehind(CsvFormatException error)
    {
        _rows = null;
        _line = _nextLine;
        _text.Rewind(_end);
        _faultText = Shown(_text.ReadLine(_buffer.Length));
        _end = _text.Position;
        _nextLine++;
        _fault = error is CsvRecordTooLargeException
            ? $"the row is longer than {_buffer.Length} characters, or a quote is not closed"
            : "a quote is not closed, or stands inside a quoted field without being doubled";
    }

    /// <summary>Rows and header may end with empty fields that the other lacks.</summary>
    private bool HasRightLength()
    {
        var fields = _rows!.RowFieldCount;
        while (fields > _header.Count && _rows.GetFieldSpan(fields - 1).IsWhiteSpace())
        {
            fields--;
        }

        return fields >= _named && fields <= _header.Count;
    }
}
