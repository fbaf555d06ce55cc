using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Tidemark.Server.Wire;

/// <summary>
/// Writes one JSON answer. Nothing is sent before 64 KiB are full, so a failure up to there still becomes a problem
/// answer, and a small answer goes out in one piece; a large one streams in pieces of that size.
/// </summary>
internal sealed class AnswerWriter : IAsyncDisposable
{
    private const int Threshold = 64 << 10;

    private readonly HttpResponse _response;
    private readonly PooledBuffer _buffer = new(Threshold + 4096);
    private bool _sent;

    public AnswerWriter(HttpResponse response, string contentType = "application/json; charset=utf-8")
    {
        _response = response;
        _response.ContentType = contentType;
        Json = new Utf8JsonWriter(_buffer, WireJson.Fast);
    }

    public Utf8JsonWriter Json { get; }

    /// <summary>Whether <see cref="FlushAsync"/> is due; asked once per row.</summary>
    public bool IsFull => _buffer.Length + Json.BytesPending >= Threshold;

    /// <summary>Ends a line of NDJSON.</summary>
    public void EndLine()
    {
        Json.Flush();
        _buffer.Write("\n"u8);
        Json.Reset();
    }

    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await SendAsync(cancellationToken);

        // A client that takes all at once would keep this thread to the end: others have their turn between two pieces.
        await Task.Yield();
    }

    public ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        Json.Flush();
        if (!_sent)
        {
            _response.ContentLength = _buffer.Length;
        }

        return SendAsync(cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        _buffer.Dispose();
        return ValueTask.CompletedTask;
    }

    private async ValueTask SendAsync(CancellationToken cancellationToken)
    {
        Json.Flush();
        _sent = true;
        await _response.Body.WriteAsync(_buffer.Written, cancellationToken);
        _buffer.Clear();
    }

    private sealed class PooledBuffer(int capacity) : IBufferWriter<byte>, IDisposable
    {
        private byte[] _bytes = ArrayPool<byte>.Shared.Rent(capacity);

        public int Length { get; private set; }

        public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

        public void Advance(int count) => Length += count;

        public Memory<byte> GetMemory(int sizeHint = 0)
        {
            Reserve(Math.Max(1, sizeHint));
            return _bytes.AsMemory(Length);
        }

        public Span<byte> GetSpan(int sizeHint = 0)
        {
            Reserve(Math.Max(1, sizeHint));
            return _bytes.AsSpan(Length);
        }

        public void Clear() => Length = 0;

        public void Dispose()
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = [];
        }

        private void Reserve(int count)
        {
            if (_bytes.Length - Length >= count)
            {
                return;
            }

            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(2 * _bytes.Length, Length + count));
            Written.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }
    }
}
