using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Tidemark.Server.Wire;

/// <summary>
/// Rows of one answer, objects with the same members, as text: their names are made once, and times and numbers by what rows of readings
/// have, which takes a third of the time of a general writer. The text is the same.
/// </summary>
/// <param name="answer">Where they go; an array has begun there.</param>
/// <param name="columns">Members behind the time.</param>
internal sealed class JsonRows(AnswerWriter answer, IReadOnlyList<string> columns)
{
    private const int MostOfNumber = 32;

    private static readonly byte[] Begin = [.. ",{\"time\":\""u8];
    private static readonly byte[] Null = [.. "null"u8];

    private readonly byte[][] _names = [.. columns.Select(name => Encoding.UTF8.GetBytes($",\"{Names.Encode([name])[0]}\":"))];
    private byte[] _row = [];
    private int _at;
    private int _column;
    private bool _hasRows;

    public void BeginRow(Instant time)
    {
        if (_row.Length == 0)
        {
            _row = new byte[64 + _names.Sum(name => name.Length + MostOfNumber)];
        }

        // The first row has no comma before it.
        var begin = Begin.AsSpan(_hasRows ? 0 : 1);
        begin.CopyTo(_row);
        _at = begin.Length;
        _at += time.Format(_row.AsSpan(_at));
        _row[_at++] = (byte)'"';
        _column = 0;
        _hasRows = true;
    }

    /// <summary>The next member; null for what JSON has no number for.</summary>
    public void Add(double value)
    {
        BeginValue();
        if (double.IsFinite(value))
        {
            _at += NumberText.Format(value, _row.AsSpan(_at));
        }
        else
        {
            Null.CopyTo(_row.AsSpan(_at));
            _at += Null.Length;
        }
    }

    /// <inheritdoc cref="Add(double)"/>
    public void Add(long value)
    {
        BeginValue();
        Utf8Formatter.TryFormat(value, _row.AsSpan(_at), out var written);
        _at += written;
    }

    public void EndRow()
    {
        _row[_at++] = (byte)'}';
        answer.Bytes.Write(_row.AsSpan(0, _at));
    }

    private void BeginValue()
    {
        var name = _names[_column++];
        name.CopyTo(_row.AsSpan(_at));
        _at += name.Length;
    }
}
