using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Tidemark.Server.Wire;

/// <summary>
/// Writes one answer. Nothing is sent before 64 KiB are full, so a failure up to there still becomes a problem answer, and a small answer
/// goes out in one piece; a large one streams in pieces of that size.
/// </summary>
internal sealed class AnswerWriter : IAsyncDisposable
{
    private const int Piece = 64 << 10;

    private readonly HttpResponse? _response;
    private readonly Stream _body;
    private readonly int _hold;
    private readonly PooledBuffer _buffer = new(Piece + 4096);
    private int _next = Piece;

    /// <param name="response">Where it goes.</param>
    /// <param name="contentType">What it is.</param>
    /// <param name="hold">
    /// So many bytes are kept, flushed or not, before the first is sent: for what has to be known about all of them.
    /// </param>
    public AnswerWriter(HttpResponse response, string contentType = "application/json; charset=utf-8", int hold = 0)
        : this(response.Body)
    {
        (_response, _hold) = (response, hold);
        _response.ContentType = contentType;
    }

    /// <summary>For what is no answer over HTTP.</summary>
    public AnswerWriter(Stream body)
    {
        _body = body;
        Json = new Utf8JsonWriter(_buffer, WireJson.Fast);
    }

    public Utf8JsonWriter Json { get; }

    /// <summary>Whether something was sent.</summary>
    public bool IsSent { get; private set; }

    /// <summary>What is written and not sent.</summary>
    public ReadOnlyMemory<byte> Written
    {
        get
        {
            Json.Flush();
            return _buffer.Written;
        }
    }

    /// <summary>Whether <see cref="FlushAsync"/> is due; asked once per row.</summary>
    public bool IsFull => _buffer.Length + Json.BytesPending >= _next;

    /// <summary>Ends a line of NDJSON.</summary>
    public void EndLine()
    {
        Json.Flush();
        _buffer.Write("\n"u8);
        Json.Reset();
    }

    /// <summary>For bytes that are no JSON; what JSON there was before is complete.</summary>
    public IBufferWriter<byte> Bytes
    {
        get
        {
            Json.Flush();
            return _buffer;
        }
    }

    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        Json.Flush();
        _next = _buffer.Length + Piece;
        if (IsSent || _buffer.Length >= _hold)
        {
            await SendAsync(cancellationToken);
        }

        // A client that takes all at once would keep this thread to the end: others have their turn between two pieces.
        await Task.Yield();
    }

    public ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        Json.Flush();
        if (_response is { HasStarted: false })
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
        IsSent = true;
        await _body.WriteAsync(_buffer.Written, cancellationToken);
        _buffer.Clear();
        _next = Piece;
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
