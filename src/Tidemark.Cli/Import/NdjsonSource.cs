using System.Text;
using Tidemark.Ingest;

namespace Tidemark.Cli.Import;

/// <summary>Rows of a file with one JSON object a line, in UTF-8.</summary>
/// <param name="stream">Disposed with the source.</param>
/// <param name="metrics">Which there are.</param>
/// <param name="maxLine">The longest line in bytes.</param>
/// <param name="numbers">Reads times that are numbers; null to take any as milliseconds.</param>
internal sealed class NdjsonSource(Stream stream, IncomingMetrics metrics, int maxLine, NumberTimes? numbers = null) : ReadingSource
{
    private readonly JsonReadingParser _parser = new(metrics, numbers);
    private readonly byte[] _buffer = new byte[2 * Math.Max(1024, maxLine)];
    private int _start;
    private int _end;
    private Range _row;
    private bool _tooLong;
    private long _line;

    public override long Line => _line;

    public override ReadOnlySpan<char> Text => Encoding.UTF8.GetString(Row);

    private ReadOnlySpan<byte> Row => _buffer.AsSpan(_row);

    public override bool Next()
    {
        do
        {
            if (!NextLine())
            {
                return false;
            }

            _line++;
            if (_line == 1 && Row.StartsWith(Encoding.UTF8.Preamble))
            {
                _row = new Range(_row.Start.Value + Encoding.UTF8.Preamble.Length, _row.End);
            }
        }
        while (!_tooLong && Row.Trim(" \t\r"u8).IsEmpty);

        return true;
    }

    public override IReadOnlyList<string> Metrics => metrics.Names;

    public override ReadOnlySpan<double> Values => _parser.Values;

    public override IReadOnlyList<string> Notes => _parser.LeftOut.Count == 0
        ? []
        : [$"texts left out: {string.Join(", ", _parser.LeftOut.Select(m => $"{m.Key} ({Readable.Count(m.Value)})"))}"];

    public override string? TryRead(out string sensorId, out Instant time)
    {
        (sensorId, time) = ("", default);
        return _tooLong
            ? $"the line is longer than {maxLine} bytes; server.max_line allows more"
            : _parser.TryParse(Row, out sensorId, out time);
    }

    public override void Dispose() => stream.Dispose();

    private bool NextLine()
    {
        _tooLong = false;
        while (true)
        {
            var length = _buffer.AsSpan(_start.._end).IndexOf((byte)'\n');
            if (length >= 0)
            {
                Take(length, 1);
                return true;
            }

            if (_end - _start > maxLine + 1)
            {
                TakeLongLine();
                return true;
            }

            if (!Fill())
            {
                Take(_end - _start, 0);
                return !Row.IsEmpty;
            }
        }
    }

    private void Take(int length, int lineEnd)
    {
        var end = _start + length;
        _row = _start..(length > 0 && _buffer[end - 1] == '\r' ? end - 1 : end);
        _tooLong = Row.Length > maxLine;
        _start = end + lineEnd;
    }

    /// <summary>Keeps the beginning of the line and reads on to its end.</summary>
    private void TakeLongLine()
    {
        _tooLong = true;
        Compact();
        _row = ..maxLine;
        _start = maxLine;
        while (true)
        {
            _end = _start + stream.Read(_buffer.AsSpan(_start));
            var length = _buffer.AsSpan(_start.._end).IndexOf((byte)'\n');
            if (length >= 0 || _end == _start)
            {
                _start += length + 1;
                return;
            }
        }
    }

    private bool Fill()
    {
        Compact();
        var read = stream.Read(_buffer.AsSpan(_end));
        _end += read;
        return read > 0;
    }

    private void Compact()
    {
        _buffer.AsSpan(_start.._end).CopyTo(_buffer);
        _end -= _start;
        _start = 0;
    }
}
