using System.Diagnostics.CodeAnalysis;

namespace Tidemark.Ingest.LineProtocol;

/// <summary>Finds what was kept for a text by its bytes, without making a string.</summary>
internal sealed class Utf8Table<T>
    where T : class
{
    private readonly Dictionary<byte[], T> _byKey;
    private readonly Dictionary<byte[], T>.AlternateLookup<ReadOnlySpan<byte>> _bySpan;

    public Utf8Table()
    {
        _byKey = new Dictionary<byte[], T>(ByteComparer.Instance);
        _bySpan = _byKey.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    public int Count => _byKey.Count;

    public IEnumerable<T> Values => _byKey.Values;

    public bool TryGet(ReadOnlySpan<byte> utf8, [NotNullWhen(true)] out T? value) => _bySpan.TryGetValue(utf8, out value);

    public T Add(ReadOnlySpan<byte> utf8, T value)
    {
        _bySpan[utf8] = value;
        return value;
    }

    public void Clear() => _byKey.Clear();
}

/// <summary>Its hashes begin with a number of the process's own, so that nobody can send texts that all have the same one.</summary>
internal sealed class ByteComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
{
    public static readonly ByteComparer Instance = new();

    public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

    public int GetHashCode(byte[] bytes) => GetHashCode(bytes.AsSpan());

    public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

    public int GetHashCode(ReadOnlySpan<byte> alternate)
    {
        var hash = default(HashCode);
        hash.AddBytes(alternate);
        return hash.ToHashCode();
    }

    public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
}
