namespace Tidemark.Ingest.LineProtocol;

/// <summary>The beginnings of lines as they were sent, one for each reading.</summary>
public sealed class LineTexts
{
    private const int Longest = 200;

    // No character is longer than four bytes; one more tells that there is more.
    private const int MostBytes = 4 * (Longest + 1);

    private readonly List<int> _ends = [];
    private byte[] _bytes = [];
    private int _length;

    /// <summary>At most 200 characters of the line that a reading came from, the first one if there were several.</summary>
    public string this[int row]
    {
        get
        {
            var start = row == 0 ? 0 : _ends[row - 1];
            return Shorten(_bytes.AsSpan(start, _ends[row] - start));
        }
    }

    internal long Capacity => _bytes.Length;

    internal static string Shorten(ReadOnlySpan<byte> line) => Sent.Shorten(line, Longest);

    internal void Add(ReadOnlySpan<byte> line)
    {
        var begin = line[..Math.Min(line.Length, MostBytes)];
        if (_bytes.Length - _length < begin.Length)
        {
            Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, _length + begin.Length));
        }

        begin.CopyTo(_bytes.AsSpan(_length));
        _length += begin.Length;
        _ends.Add(_length);
    }

    internal void Clear()
    {
        _ends.Clear();
        _length = 0;
    }
}
