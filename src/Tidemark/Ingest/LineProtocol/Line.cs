namespace Tidemark.Ingest.LineProtocol;

public enum FieldKind
{
    Float,
    Integer,
    Unsigned,
    Boolean,
    String,
}

/// <summary>One line: a point, or what is wrong with it. Valid until the parser reads the next.</summary>
public readonly ref struct Line
{
    private readonly LineParts _parts;

    internal Line(LineParts parts, long number, ReadOnlySpan<byte> text, string? error)
    {
        _parts = parts;
        Number = number;
        Text = text;
        Error = error;
    }

    /// <summary>From 1. A line with a string over several lines has the number of the first.</summary>
    public long Number { get; }

    /// <summary>As sent, without the end of the line.</summary>
    public ReadOnlySpan<byte> Text { get; }

    /// <summary>Null for a point, else one sentence; nothing else of the line means anything then.</summary>
    public string? Error { get; }

    public ReadOnlySpan<byte> Measurement => _parts.Bytes(Text, _parts.Measurement);

    /// <summary>Measurement and tags as sent: the same bytes are the same series, others may be too.</summary>
    public ReadOnlySpan<byte> Series => Text[.._parts.SeriesEnd];

    public int TagCount => _parts.TagCount;

    public int FieldCount => _parts.FieldCount;

    /// <summary>Null when the line has none.</summary>
    public Instant? Time => _parts.Time;

    /// <param name="index">Tags stand in the order of their keys' bytes.</param>
    public LineTag Tag(int index)
    {
        var tag = _parts.Tags[index];
        return new LineTag(_parts.Bytes(Text, tag.Key), _parts.Bytes(Text, tag.Value));
    }

    /// <param name="index">In the order of the line; a key may stand twice, and the last one counts.</param>
    public LineField Field(int index)
    {
        ref readonly var field = ref _parts.Fields[index];
        return new LineField(_parts.Bytes(Text, field.Key), field.Kind, field.Bits, _parts.Bytes(Text, field.Text));
    }
}

public readonly ref struct LineTag(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
{
    public ReadOnlySpan<byte> Key { get; } = key;

    public ReadOnlySpan<byte> Value { get; } = value;
}

public readonly ref struct LineField(ReadOnlySpan<byte> key, FieldKind kind, long bits, ReadOnlySpan<byte> text)
{
    private readonly long _bits = bits;

    public ReadOnlySpan<byte> Key { get; } = key;

    public FieldKind Kind { get; } = kind;

    /// <summary>Of an integer, and 1 or 0 of a boolean; of an unsigned one the same bits.</summary>
    public long Integer => _bits;

    /// <summary>Of a string.</summary>
    public ReadOnlySpan<byte> Text { get; } = text;

    /// <summary>Every kind but a string as the nearest double; NaN for a string.</summary>
    public double Number => Kind switch
    {
        FieldKind.Float => BitConverter.Int64BitsToDouble(_bits),
        FieldKind.Integer or FieldKind.Boolean => _bits,
        FieldKind.Unsigned => (ulong)_bits,
        _ => double.NaN,
    };
}
