namespace Tidemark.Ingest.LineProtocol;

/// <summary>
/// Takes InfluxDB line protocol apart, line by line: what is wrong with one line says nothing about the next. A text may come in
/// pieces, cut anywhere. Nothing is allocated for a line without a fault. Not thread-safe.
/// </summary>
/// <param name="precision">Of the times.</param>
/// <param name="maxLine">Longer lines are refused, in bytes with their end. A piece that holds no whole line is kept by the caller until
/// more has come: never more than this.</param>
public sealed class LineProtocolParser(LinePrecision precision, int maxLine)
{
    private readonly LineParts _parts = new();
    private long _number = 1;
    private bool _isSkipping;

    /// <summary>Reads the next line that is a point or has a fault; blank lines and comments are passed over.</summary>
    /// <param name="text">What was read is taken from its beginning. What is left without another line begins the next piece.</param>
    /// <param name="isFinal">Whether nothing follows the text.</param>
    /// <param name="line">Valid until the next call.</param>
    /// <returns>False when the text holds no whole line any more.</returns>
    public bool TryRead(ref ReadOnlySpan<byte> text, bool isFinal, out Line line)
    {
        while (Begin(ref text))
        {
            var window = text[..Math.Min(text.Length, maxLine)];
            var scanner = new LineScanner(window, _parts, precision);
            var error = scanner.Scan();
            var end = error is null ? scanner.At : EndOfLine(window, scanner.At);
            var endsWell = window[end - 1] == '\n';
            if (!(isFinal && window.Length == text.Length) && (!endsWell || scanner.IsInsideString))
            {
                if (text.Length <= maxLine)
                {
                    break;
                }

                error = scanner.IsInsideString ? error : $"the line is longer than {maxLine} bytes";
                _isSkipping = !endsWell;
            }

            var number = _number;
            var taken = text[..end];
            _number += taken.Count((byte)'\n');
            text = text[end..];
            if (scanner.IsPoint || error is not null)
            {
                line = new Line(_parts, number, WithoutEnd(taken), error);
                return true;
            }
        }

        line = default;
        return false;
    }

    /// <summary>Takes what says nothing: the rest of a line that is too long, and spaces before a line.</summary>
    /// <returns>Whether anything is left.</returns>
    private bool Begin(ref ReadOnlySpan<byte> text)
    {
        if (_isSkipping && !text.IsEmpty)
        {
            var end = EndOfLine(text, 0);
            _isSkipping = text[end - 1] != '\n';
            _number += _isSkipping ? 0 : 1;
            text = text[end..];
        }

        text = text.TrimStart((byte)' ');
        return !text.IsEmpty;
    }

    /// <returns>Behind the first end of a line at or after <paramref name="from"/>, else the end of the text.</returns>
    private static int EndOfLine(ReadOnlySpan<byte> text, int from)
        => text[from..].IndexOf((byte)'\n') is var found and >= 0 ? from + found + 1 : text.Length;

    private static ReadOnlySpan<byte> WithoutEnd(ReadOnlySpan<byte> line)
    {
        line = line.EndsWith((byte)'\n') ? line[..^1] : line;
        return line.EndsWith((byte)'\r') ? line[..^1] : line;
    }
}
