using System.IO.Compression;

namespace Tidemark.App.Tests.Fuzz;

/// <summary>Bodies as clients pack them, and as they arrive when something went wrong.</summary>
internal static class Packed
{
    /// <returns>What the header says, null for nothing, and the bytes.</returns>
    public static (string? Encoding, byte[] Bytes) Any(byte[] body, Random random) => random.Next(20) switch
    {
        0 or 1 or 2 => ("gzip", Gzip(body)),
        // Several members, empty ones too.
        3 when body.Length > 1 => ("gzip", [.. Gzip(body[..1]), .. Gzip([]), .. Gzip(body[1..])]),
        4 => ("deflate", Deflate(body)),
        5 when body.Length > 0 => ("gzip", Gzip(body) is var whole ? whole[..random.Next(1, whole.Length)] : []),
        // A body without a byte is an empty one, packed or not.
        6 => ("gzip", new Mutator(random).Change(Gzip(body), [0x1F, 0x8B, 8]) is { Length: > 0 } broken ? broken : [0x1F]),
        7 => (random.Next(4) switch { 0 => "deflate", 1 => "br", 2 => "gzip, gzip", _ => "gzip" }, body),
        _ => (null, body),
    };

    /// <summary>Little that becomes much.</summary>
    public static byte[] Bomb(byte with, int size)
    {
        var much = new byte[size];
        Array.Fill(much, with);
        return Gzip(much);
    }

    public static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var stream = new GZipStream(packed, CompressionLevel.Fastest))
        {
            stream.Write(bytes);
        }

        return packed.ToArray();
    }

    private static byte[] Deflate(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var stream = new ZLibStream(packed, CompressionLevel.Fastest))
        {
            stream.Write(bytes);
        }

        return packed.ToArray();
    }
}
