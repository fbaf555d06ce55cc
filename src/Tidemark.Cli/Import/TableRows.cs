namespace Tidemark.Cli.Import;

/// <summary>Rows of a table with named columns, one at a time and none kept.</summary>
internal abstract class TableRows : IDisposable
{
    /// <summary>Names of the columns without blanks around them; empty for a file without a header.</summary>
    public abstract IReadOnlyList<string> Header { get; }

    /// <summary>The line that the row begins on, from 1, or its number where there are no lines.</summary>
    public abstract long Line { get; }

    /// <summary>The row as people see it.</summary>
    public abstract ReadOnlySpan<char> Text { get; }

    /// <summary>Why the row can't be taken apart; null when it can.</summary>
    public abstract string? Fault { get; }

    /// <summary>Goes on to the next row; blank lines are none.</summary>
    public abstract bool Next();

    /// <summary>A field of a row without a fault. Blanks around it are no part of it, except inside quotes.</summary>
    public abstract ReadOnlySpan<char> Field(int column);

    public abstract void Dispose();
}
