namespace Tidemark.Ingest.LineProtocol;

/// <summary>The memory that readings are made in: whoever reads many texts uses it again.</summary>
public sealed class LineBuffers
{
    internal LineRows Rows { get; } = new();

    internal LineTexts Texts { get; set; } = new();

    /// <summary>How many values and bytes of lines it has room for.</summary>
    public long Capacity => Rows.Capacity + Texts.Capacity;
}
