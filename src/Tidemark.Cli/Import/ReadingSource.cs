namespace Tidemark.Cli.Import;

/// <summary>Rows of a file, one at a time and none kept: a row that can't be read is a row too.</summary>
internal abstract class ReadingSource : IDisposable
{
    /// <summary>The line that the row begins on, from 1, header included.</summary>
    public abstract long Line { get; }

    /// <summary>The row as it stands in the file, without its line end; valid until the next row.</summary>
    public abstract ReadOnlySpan<char> Text { get; }

    /// <summary>What the summary says about the file beside its rows.</summary>
    public virtual IReadOnlyList<string> Notes => [];

    /// <summary>Goes on to the next row; blank lines are none.</summary>
    /// <returns>False at the end of the file.</returns>
    public abstract bool Next();

    /// <param name="sensorId">As it stands in the file.</param>
    /// <param name="time">To the microsecond.</param>
    /// <returns>Null, or one line that says what is wrong with the row.</returns>
    public abstract string? TryRead(out string sensorId, out Instant time);

    /// <summary>The metrics of the rows; more may come with the next one.</summary>
    public abstract IReadOnlyList<string> Metrics { get; }

    /// <summary>Those of the last row that was read, in their order; NaN stands for null.</summary>
    public abstract ReadOnlySpan<double> Values { get; }

    public abstract void Dispose();
}
