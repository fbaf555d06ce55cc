using System.Buffers;
using System.Buffers.Text;
using System.Text.Unicode;

namespace Tidemark.Ingest.LineProtocol;

/// <summary>
/// Takes one line apart: nothing, a comment or a point. The grammar is that of the decoder of influxdata/line-protocol.
/// </summary>
/// <param name="text">Begins with the line; what follows it is not looked at.</param>
/// <param name="parts">Where its parts go.</param>
/// <param name="precision">Of its time.</param>
internal ref struct LineScanner(ReadOnlySpan<byte> text, LineParts parts, LinePrecision precision)
{
    /// <summary>Keeps adding a tag at its place cheap; nobody sends a tenth as many.</summary>
    private const int MostTags = 1_024;

    private static readonly byte[] Controls = [.. Enumerable.Range(0, 32).Append(127).Select(c => (byte)c)];
    private static readonly SearchValues<byte> AfterComment = SearchValues.Create(Controls);
    private static readonly SearchValues<byte> AfterMeasurement = SearchValues.Create([.. ", \\"u8, .. Controls]);
    private static readonly SearchValues<byte> AfterKey = SearchValues.Create([.. ",= \\"u8, .. Controls]);
    private static readonly SearchValues<byte> AfterTagValue = SearchValues.Create(",= \\\r\n"u8);
    private static readonly SearchValues<byte> AfterString = SearchValues.Create("\"\\"u8);
    private static readonly SearchValues<byte> OfTimes = SearchValues.Create("-0123456789"u8);
    private static readonly SearchValues<byte> AfterValue = SearchValues.Create(", \r\n"u8);

    private readonly ReadOnlySpan<byte> _text = text;

    /// <summary>Behind the end of the line; after an error, in the line that has it.</summary>
    public int At { get; private set; }

    /// <summary>Whether the line is a point, not a comment and not blank.</summary>
    public bool IsPoint { get; private set; }

    /// <summary>Whether a string that was begun has no end in the text.</summary>
    public bool IsInsideString { get; private set; }

    private readonly bool IsAtEnd => At == _text.Length;

    /// <returns>Null, or what is wrong.</returns>
    public string? Scan()
    {
        parts.Clear();
        if (Is('#'))
        {
            At += Length(_text[At..].IndexOfAny(AfterComment));
            return TakeEndOfLine() ? null : "a comment has a control character";
        }

        if (TakeEndOfLine())
        {
            return null;
        }

        IsPoint = true;
        if ((ScanMeasurement() ?? ScanTags() ?? ScanFields()) is { } error)
        {
            return error;
        }

        if (!Utf8.IsValid(_text[..At]))
        {
            // Back into the line, so that nobody takes the next one's end for its own.
            At--;
            return "the line is not valid UTF-8";
        }

        return null;
    }

    private string? ScanMeasurement()
    {
        parts.Measurement = Take(AfterMeasurement, ", "u8);
        return parts.Measurement.Length == 0
            ? IsAtEnd || _text[At] == ',' ? "the measurement is missing" : "the measurement begins with a control character"
            : null;
    }

    private string? ScanTags()
    {
        while (Is(','))
        {
            At++;
            var key = Take(AfterKey, ",= "u8);
            if (key.Length == 0 || !Is('='))
            {
                return key.Length == 0 ? "a comma is followed by no tag" : $"the tag {Shown(key)} has no =";
            }

            At++;
            var value = Take(AfterTagValue, ",= "u8);
            if (value.Length == 0)
            {
                return $"the tag {Shown(key)} has no value";
            }

            if (parts.TagCount == MostTags)
            {
                return $"there are more than {MostTags} tags";
            }

            if (!parts.TryAddTag(_text, new TagPart(key, value)))
            {
                return $"the tag {Shown(key)} stands twice";
            }
        }

        parts.SeriesEnd = At;
        return Is(' ') ? null
            : IsAtEnd || _text[At] is (byte)'\r' or (byte)'\n' ? "there are no fields"
            : $"measurement and tags are followed by {ShownByte()}, not by a space{(Is('=') ? "; one inside a tag is written \\=" : "")}";
    }

    private string? ScanFields()
    {
        SkipSpaces();
        while (true)
        {
            var key = Take(AfterKey, ",= "u8);
            if (key.Length == 0 || !Is('='))
            {
                return key.Length > 0 ? $"the field {Shown(key)} has no ="
                    : parts.FieldCount > 0 ? "a comma is followed by no field" : "there are no fields";
            }

            At++;
            if (ScanValue(key) is { } error)
            {
                return error;
            }

            if (IsAtEnd || _text[At] != ',')
            {
                break;
            }

            At++;
        }

        SkipSpaces();
        return TakeEndOfLine() ? null : ScanTime();
    }

    private string? ScanValue(Token key)
    {
        if (Is('"'))
        {
            return ScanString(key);
        }

        var start = At;
        At += Length(_text[At..].IndexOfAny(AfterValue));
        var value = _text[start..At];
        if (value.IsEmpty)
        {
            return $"the field {Shown(key)} has no value";
        }

        if (FieldNumber.TryReadBoolean(value, out var bits))
        {
            parts.AddField(new FieldPart(key, FieldKind.Boolean, bits, default));
            return null;
        }

        var error = FieldNumber.Read(value, out var kind, out bits);
        parts.AddField(new FieldPart(key, kind, bits, default));
        return error is null ? null : $"the value {Shown(value)} of the field {Shown(key)} {error}";
    }

    /// <summary>What is wrong with a string is wrong where it begins: the line ends there then, and the next one is read.</summary>
    private string? ScanString(Token key)
    {
        var start = At++;
        var value = Take(AfterString, "\"\\"u8);
        if (IsAtEnd)
        {
            (At, IsInsideString) = (start, true);
            return $"the text of the field {Shown(key)} has no closing double quote";
        }

        At++;
        if (!IsAtEnd && !AfterValue.Contains(_text[At]))
        {
            At = start;
            return $"the text of the field {Shown(key)} goes on after a double quote; one inside it is written \\\"";
        }

        parts.AddField(new FieldPart(key, FieldKind.String, 0, value));
        return null;
    }

    private string? ScanTime()
    {
        var start = At;
        At += Length(_text[At..].IndexOfAnyExcept(OfTimes));
        var number = _text[start..At];
        if (number.IsEmpty)
        {
            return $"{ShownByte()} stands where the time is";
        }

        if (!Utf8Parser.TryParse(number, out long count, out var length) || length != number.Length)
        {
            return $"the time {Shown(number)} is not a whole number of 64 bits";
        }

        if (!precision.TryRead(count, out var time))
        {
            return $"the time {Shown(number)} in {precision.Name} is before 1677 or after 2262";
        }

        parts.Time = time;
        SkipSpaces();
        return TakeEndOfLine() ? null : "the time is followed by more";
    }

    /// <param name="stops">Ends before one of them, the backslash among them.</param>
    /// <param name="escapable">What a backslash takes its meaning from; before anything else it stands for itself.</param>
    private Token Take(SearchValues<byte> stops, ReadOnlySpan<byte> escapable)
    {
        var start = At;
        At += Length(_text[At..].IndexOfAny(stops));
        return IsAtEnd || _text[At] != '\\' ? new Token(start, At - start) : TakeEscaped(start, stops, escapable);
    }

    private Token TakeEscaped(int start, SearchValues<byte> stops, ReadOnlySpan<byte> escapable)
    {
        var unescaped = parts.UnescapedLength;
        parts.Unescape(_text[start..At]);
        while (Is('\\'))
        {
            var isEscape = At + 1 < _text.Length && escapable.Contains(_text[At + 1]);
            At += isEscape ? 1 : 0;
            var from = At++;
            At += Length(_text[At..].IndexOfAny(stops));
            parts.Unescape(_text[from..At]);
        }

        return new Token(unescaped, parts.UnescapedLength - unescaped, IsUnescaped: true);
    }

    private bool TakeEndOfLine()
    {
        var length = IsAtEnd ? 0
            : _text[At] == '\n' ? 1
            : _text[At] != '\r' ? -1
            : At + 1 == _text.Length ? 1
            : _text[At + 1] == '\n' ? 2 : -1;
        At += Math.Max(length, 0);
        return length >= 0;
    }

    private void SkipSpaces()
    {
        while (Is(' '))
        {
            At++;
        }
    }

    private readonly bool Is(char c) => At < _text.Length && _text[At] == c;

    private readonly int Length(int found) => found < 0 ? _text.Length - At : found;

    private readonly string Shown(Token token) => Shown(parts.Bytes(_text, token));

    private static string Shown(ReadOnlySpan<byte> bytes) => $"'{Sent.Shorten(bytes)}'";

    private readonly string ShownByte()
        => IsAtEnd ? "nothing" : _text[At] is < 32 or 127 ? "a control character" : Shown(_text.Slice(At, 1));
}
