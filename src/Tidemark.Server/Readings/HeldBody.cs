using System.Buffers;
using Microsoft.AspNetCore.Http;
using Tidemark.Server.Hosting;

namespace Tidemark.Server.Readings;

/// <summary>A body that is held as a whole, in memory that serves later ones again.</summary>
internal sealed class HeldBody : IDisposable
{
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(4096);
    private int _length;

    public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _length);

    /// <param name="request">Whose body was not read yet.</param>
    /// <param name="room">Taken once the body is large.</param>
    /// <param name="cancellationToken">Ends the wait for room, and for the body.</param>
    public static async Task<HeldBody> ReadAsync(HttpRequest request, RoomShare room, CancellationToken cancellationToken)
    {
        var body = new HeldBody();
        try
        {
            await body.FillAsync(request, room, cancellationToken);
            return body;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        (_bytes, _length) = ([], 0);
    }

    private async Task FillAsync(HttpRequest request, RoomShare room, CancellationToken cancellationToken)
    {
        var reader = request.BodyReader;
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken);
            var (part, isLast) = (result.Buffer, result.IsCompleted);
            if (_length + part.Length > WriteRoom.Free && !room.IsTaken)
            {
                reader.AdvanceTo(part.Start);
                await room.TakeAsync(cancellationToken);
                Reserve(request.ContentLength ?? 0);
                continue;
            }

            Reserve(_length + part.Length);
            part.CopyTo(_bytes.AsSpan(_length));
            _length += (int)part.Length;
            reader.AdvanceTo(part.End);
            if (isLast)
            {
                return;
            }
        }
    }

    private void Reserve(long length)
    {
        if (length > _bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(length, Math.Min(2L * _bytes.Length, Array.MaxLength)));
            Bytes.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }
    }
}
