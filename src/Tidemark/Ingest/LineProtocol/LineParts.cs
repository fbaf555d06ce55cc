namespace Tidemark.Ingest.LineProtocol;

/// <summary>Where a name or text of a line stands.</summary>
/// <param name="Start">In the line, or among the unescaped.</param>
/// <param name="Length">In bytes.</param>
/// <param name="IsUnescaped">Whether it had escapes, so that it stands among those of <see cref="LineParts"/>.</param>
internal readonly record struct Token(int Start, int Length, bool IsUnescaped = false);

internal readonly record struct TagPart(Token Key, Token Value);

/// <param name="Key">Its name.</param>
/// <param name="Kind">Tells what <paramref name="Bits"/> are.</param>
/// <param name="Bits">Of the double, the integer, or 0 and 1.</param>
/// <param name="Text">The string; empty for other kinds.</param>
internal readonly record struct FieldPart(Token Key, FieldKind Kind, long Bits, Token Text);

/// <summary>The parts of one line, in buffers that serve the next line again. They grow with the longest line.</summary>
internal sealed class LineParts
{
    private TagPart[] _tags = new TagPart[16];
    private FieldPart[] _fields = new FieldPart[32];
    private byte[] _unescaped = new byte[256];

    public Token Measurement { get; set; }

    /// <summary>Where the measurement and the tags end in the line.</summary>
    public int SeriesEnd { get; set; }

    public Instant? Time { get; set; }

    public int TagCount { get; private set; }

    public int FieldCount { get; private set; }

    /// <summary>Where what is unescaped next will begin.</summary>
    public int UnescapedLength { get; private set; }

    /// <summary>Ascending by key, as bytes.</summary>
    public ReadOnlySpan<TagPart> Tags => _tags.AsSpan(0, TagCount);

    public ReadOnlySpan<FieldPart> Fields => _fields.AsSpan(0, FieldCount);

    public void Clear()
    {
        TagCount = FieldCount = UnescapedLength = 0;
        Time = null;
    }

    public ReadOnlySpan<byte> Bytes(ReadOnlySpan<byte> line, Token token)
        => (token.IsUnescaped ? _unescaped : line).Slice(token.Start, token.Length);

    public void AddField(in FieldPart field)
    {
        if (FieldCount == _fields.Length)
        {
            Array.Resize(ref _fields, 2 * FieldCount);
        }

        _fields[FieldCount++] = field;
    }

    /// <returns>False when there is a tag of that key already.</returns>
    public bool TryAddTag(ReadOnlySpan<byte> line, TagPart tag)
    {
        // Senders are asked to sort tags, so most belong behind the last.
        var key = Bytes(line, tag.Key);
        var place = TagCount;
        if (place > 0 && Bytes(line, _tags[place - 1].Key).SequenceCompareTo(key) >= 0)
        {
            place = Find(line, key);
            if (Bytes(line, _tags[place].Key).SequenceEqual(key))
            {
                return false;
            }
        }

        if (TagCount == _tags.Length)
        {
            Array.Resize(ref _tags, 2 * TagCount);
        }

        _tags.AsSpan(place, TagCount++ - place).CopyTo(_tags.AsSpan(place + 1));
        _tags[place] = tag;
        return true;
    }

    public void Unescape(ReadOnlySpan<byte> bytes)
    {
        if (_unescaped.Length - UnescapedLength < bytes.Length)
        {
            Array.Resize(ref _unescaped, Math.Max(2 * _unescaped.Length, UnescapedLength + bytes.Length));
        }

        bytes.CopyTo(_unescaped.AsSpan(UnescapedLength));
        UnescapedLength += bytes.Length;
    }

    /// <returns>The place of the first tag whose key is not less; there is one.</returns>
    private int Find(ReadOnlySpan<byte> line, ReadOnlySpan<byte> key)
    {
        var (low, high) = (0, TagCount - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (Bytes(line, _tags[middle].Key).SequenceCompareTo(key) < 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
