using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Tests.Ingest.LineProtocol;

internal static class LinePieces
{
    /// <summary>All that the parser tells of a text that comes in pieces.</summary>
    /// <param name="text">The whole.</param>
    /// <param name="maxLine">Of the parser.</param>
    /// <param name="sizes">How long the next piece is.</param>
    public static List<string> Read(byte[] text, int maxLine, Func<int> sizes)
    {
        var lines = new List<string>();
        var parser = new LineProtocolParser(LinePrecision.Nanoseconds, maxLine);
        for (var (from, to) = (0, 0); from < text.Length || to < text.Length;)
        {
            to = Math.Min(text.Length, to + sizes());
            ReadOnlySpan<byte> rest = text.AsSpan(from, to - from);
            while (parser.TryRead(ref rest, to == text.Length, out var line))
            {
                lines.Add($"{line.Number} {Convert.ToHexString(line.Text)} "
                    + (line.Error ?? DecodeCase.Show(line, line.Time?.Micros ?? long.MinValue)));
            }

            Assert.InRange(rest.Length, 0, to == text.Length ? 0 : maxLine);
            from = to - rest.Length;
        }

        return lines;
    }
}
