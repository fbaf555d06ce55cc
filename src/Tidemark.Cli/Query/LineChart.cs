using System.Globalization;

namespace Tidemark.Cli.Query;

/// <summary>
/// Lines over time in characters of a terminal: each shows two by four dots, as Braille does (Unicode's block from 2800 on), or a star
/// where there is no Unicode.
/// </summary>
/// <param name="times">The first and the last time, in microseconds.</param>
/// <param name="values">The lowest and the highest value.</param>
/// <param name="width">Characters, with those of the scale.</param>
/// <param name="height">Lines, without that of the times.</param>
internal sealed class LineChart((long From, long To) times, (double Low, double High) values, int width, int height)
{
    private const int Scale = 11;
    private const int AcrossCell = 2;
    private const int DownCell = 4;
    private const char NoDots = '\u2800';

    private readonly byte[,] _dots = new byte[height, Math.Max(1, width - Scale)];

    private int Columns => _dots.GetLength(1);

    /// <summary>Adds a line, which NaN interrupts.</summary>
    /// <param name="at">Microseconds, ascending.</param>
    public void Add(ReadOnlySpan<long> at, ReadOnlySpan<double> line)
    {
        (int X, int Y)? last = null;
        for (var i = 0; i < line.Length; i++)
        {
            if (double.IsNaN(line[i]))
            {
                last = null;
                continue;
            }

            var dot = (X(at[i]), Y(line[i]));
            Connect(last ?? dot, dot);
            last = dot;
        }
    }

    /// <param name="unicode">Whether the terminal has Braille.</param>
    /// <param name="label">Tells a time, for the line below.</param>
    public IEnumerable<string> Draw(bool unicode, Func<long, string> label)
    {
        for (var row = 0; row < height; row++)
        {
            var text = new char[Columns];
            for (var column = 0; column < Columns; column++)
            {
                var dots = _dots[row, column];
                text[column] = dots == 0 ? ' ' : unicode ? (char)(NoDots + dots) : '*';
            }

            yield return $"{Value(row),Scale - 2} {(unicode ? '┤' : '|')}{new string(text)}".TrimEnd();
        }

        var (from, to) = (label(times.From), label(times.To));
        yield return $"{"",Scale}{from}{to.PadLeft(Math.Max(to.Length + 1, Columns - from.Length))}";
    }

    /// <summary>What the scale says beside a line: the highest value, the one in the middle and the lowest.</summary>
    private string Value(int row)
    {
        double? value = row == 0 ? values.High
            : row == height - 1 ? values.Low
            : row == height / 2 ? values.High - (row * (values.High - values.Low) / (height - 1))
            : null;
        return value?.ToString("G5", CultureInfo.InvariantCulture) ?? "";
    }

    private int X(long time) => Place(time - (double)times.From, times.To - (double)times.From, Columns * AcrossCell);

    private int Y(double value) => Place(values.High - value, values.High - values.Low, height * DownCell);

    private static int Place(double part, double whole, int count)
        => whole > 0 ? (int)Math.Clamp(Math.Round(part / whole * (count - 1)), 0, count - 1) : count / 2;

    /// <summary>Every dot on the way, as many as the longer side has.</summary>
    private void Connect((int X, int Y) from, (int X, int Y) to)
    {
        var steps = Math.Max(Math.Abs(to.X - from.X), Math.Abs(to.Y - from.Y));
        for (var i = 0; i <= steps; i++)
        {
            var share = steps == 0 ? 0 : i / (double)steps;
            Set(from.X + (int)Math.Round(share * (to.X - from.X)), from.Y + (int)Math.Round(share * (to.Y - from.Y)));
        }
    }

    /// <summary>The bits of Braille count down the left column, then the right one, and the lowest row came later.</summary>
    private void Set(int x, int y)
    {
        var (left, down) = (x % AcrossCell == 0, y % DownCell);
        _dots[y / DownCell, x / AcrossCell] |= (byte)(down == 3 ? (left ? 0x40 : 0x80) : (left ? 1 : 8) << down);
    }
}
