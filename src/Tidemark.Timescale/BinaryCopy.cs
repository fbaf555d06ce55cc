using System.Buffers.Binary;
using System.Text;

namespace Tidemark.Timescale;

/// <summary>
/// Writes readings in PostgreSQL's binary COPY format: field counts, lengths and big-endian values (PostgreSQL's documentation of COPY,
/// "Binary
/// Format"). The driver's importer resolves a type for every value; this takes a fraction of its time, which a bulk load waits for.
/// </summary>
internal sealed class BinaryCopy(Stream stream, int metrics)
{
    private static readonly byte[] Header = [.. "PGCOPY\n"u8, 0xff, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0];

    private readonly byte[] _buffer = new byte[256 << 10];
    private readonly Dictionary<string, byte[]> _ids = new(StringComparer.Ordinal);
    private readonly int _longestRow = 2 + 12 + 4 + (4 * SensorId.MaxLength) + (12 * metrics);
    private string? _lastId;
    private byte[] _lastBytes = [];
    private int _used;

    public void Begin() => Append(Header);

    public void Add(ReadingBatch batch, int row)
    {
        if (_used + _longestRow > _buffer.Length)
        {
            Flush();
        }

        var id = Bytes(batch.SensorIds[row]);
        Append((short)(2 + metrics));
        Append(8);
        Append(ReaderExtensions.ToPostgres(batch.TimesMicros[row]));
        Append(id.Length);
        Append(id);
        for (var m = 0; m < metrics; m++)
        {
            var value = batch.Metric(m)[row];
            if (double.IsNaN(value))
            {
                Append(-1);
            }
            else
            {
                Append(8);
                Append(BitConverter.DoubleToInt64Bits(value));
            }
        }
    }

    public void End()
    {
        Append((short)-1);
        Flush();
    }

    private byte[] Bytes(string id)
    {
        if (!ReferenceEquals(id, _lastId))
        {
            _lastId = id;
            if (!_ids.TryGetValue(id, out _lastBytes!))
            {
                _ids.Add(id, _lastBytes = Encoding.UTF8.GetBytes(id));
            }
        }

        return _lastBytes;
    }

    private void Append(short value)
    {
        BinaryPrimitives.WriteInt16BigEndian(_buffer.AsSpan(_used), value);
        _used += sizeof(short);
    }

    private void Append(int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(_buffer.AsSpan(_used), value);
        _used += sizeof(int);
    }

    private void Append(long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(_buffer.AsSpan(_used), value);
        _used += sizeof(long);
    }

    private void Append(byte[] bytes)
    {
        bytes.CopyTo(_buffer, _used);
        _used += bytes.Length;
    }

    private void Flush()
    {
        stream.Write(_buffer, 0, _used);
        _used = 0;
    }
}
