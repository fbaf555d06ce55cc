namespace Tidemark.Cli.Import;

/// <summary>
/// Where the rows of a batch come from, for those that a store refuses later: line numbers and texts in flat buffers that are kept.
/// </summary>
internal sealed class SourceRows
{
    private readonly List<long> _lines = [];
    private readonly List<int> _ends = [];
    private char[] _text = new char[1 << 20];

    /// <summary>Characters held.</summary>
    public int Length { get; private set; }

    public void Add(long line, ReadOnlySpan<char> text)
    {
        if (_text.Length - Length < text.Length)
        {
            Array.Resize(ref _text, Math.Max(2 * _text.Length, Length + text.Length));
        }

        text.CopyTo(_text.AsSpan(Length));
        Length += text.Length;
        _lines.Add(line);
        _ends.Add(Length);
    }

    public long Line(int row) => _lines[row];

    public ReadOnlySpan<char> Text(int row) => _text.AsSpan((row == 0 ? 0 : _ends[row - 1]).._ends[row]);

    public void Clear()
    {
        _lines.Clear();
        _ends.Clear();
        Length = 0;
    }
}
