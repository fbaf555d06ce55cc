namespace Tidemark.Cli.Import;

/// <summary>
/// Text that can be read again from a little further back, so that reading goes on behind a record that a CSV reader
/// has choked on. Keeps a bounded tail of what it handed out.
/// </summary>
/// <param name="inner">Disposed with this one.</param>
/// <param name="reach">How many characters back <see cref="Rewind"/> can go.</param>
internal sealed class RewindableReader(TextReader inner, int reach) : TextReader
{
    private readonly char[] _tail = new char[reach];
    private long _end;

    /// <summary>Characters before the next one.</summary>
    public long Position { get; private set; }

    /// <summary>Goes to a place among what was read already.</summary>
    public void Rewind(long position)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, _end);
        ArgumentOutOfRangeException.ThrowIfLessThan(position, _end - _tail.Length);
        Position = position;
    }

    public override int Read(Span<char> buffer)
    {
        var start = (int)(Position % _tail.Length);
        var count = (int)Math.Min(Math.Min(buffer.Length, _tail.Length - start), _end - Position);
        if (count == 0)
        {
            count = inner.Read(buffer[..Math.Min(buffer.Length, _tail.Length - start)]);
            buffer[..count].CopyTo(_tail.AsSpan(start));
            _end += count;
        }
        else
        {
            _tail.AsSpan(start, count).CopyTo(buffer);
        }

        Position += count;
        return count;
    }

    public override int Read(char[] buffer, int index, int count) => Read(buffer.AsSpan(index, count));

    public override int Read()
    {
        Span<char> one = stackalloc char[1];
        return Read(one) == 0 ? -1 : one[0];
    }

    public override int Peek()
    {
        var next = Read();
        if (next >= 0)
        {
            Rewind(Position - 1);
        }

        return next;
    }

    /// <summary>Reads to the end of the line and answers its first characters.</summary>
    /// <returns>The line without its end, cut off at <paramref name="most"/> characters; null at the end of the text.</returns>
    public string? ReadLine(int most)
    {
        var line = new System.Text.StringBuilder();
        for (var next = Read(); next >= 0; next = Read())
        {
            if (next is '\n' or '\r')
            {
                if (next == '\r' && Peek() == '\n')
                {
                    Read();
                }

                return line.ToString();
            }

            if (line.Length < most)
            {
                line.Append((char)next);
            }
        }

        return line.Length == 0 ? null : line.ToString();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
