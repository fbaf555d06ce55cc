using System.Text;

namespace Tidemark.Cli.Import;

/// <summary>How a CSV file is written.</summary>
internal sealed record CsvDialect
{
    /// <summary>Null to detect comma, semicolon, tab or bar from the first lines.</summary>
    public char? Delimiter { get; init; }

    /// <summary>Of the file, unless it begins with a byte order mark.</summary>
    public Encoding Encoding { get; init; } = Encoding.UTF8;

    /// <summary>The line of the header, from 1; null for the first that isn't blank.</summary>
    public int? HeaderLine { get; init; }

    /// <summary>How many lines behind the header are no rows.</summary>
    public int SkipAfterHeader { get; init; }

    /// <summary>Lines that begin with it are no rows.</summary>
    public char? Comment { get; init; }

    /// <summary>The longest row in characters, at least 1024.</summary>
    public int MaxRow { get; init; } = 64 << 10;
}
