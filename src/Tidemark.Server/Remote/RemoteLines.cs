using System.IO.Pipelines;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Remote;

internal delegate T LineParser<out T>(ReadOnlySpan<byte> line);

internal delegate void LineConsumer(ReadOnlySpan<byte> line);

/// <summary>An open answer of lines. Disposing it early breaks the connection, so that the server stops reading.</summary>
internal sealed class RemoteLines : IAsyncDisposable
{
    private readonly RemoteServer _server;
    private readonly HttpResponseMessage _response;
    private readonly PipeReader _pipe;
    private readonly LineReader _lines;

    public RemoteLines(RemoteServer server, HttpResponseMessage response, Stream stream)
    {
        _server = server;
        _response = response;
        _pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 64 << 10));
        _lines = new LineReader(_pipe, int.MaxValue);
    }

    /// <exception cref="StoreException">The answer ends, breaks off or isn't what was expected.</exception>
    public async ValueTask<T> TakeAsync<T>(LineParser<T> parse, CancellationToken cancellationToken)
    {
        try
        {
            return await TakeLineAsync(cancellationToken)
                ? parse(_lines.Line)
                : throw new IOException("the answer ended early");
        }
        catch (Exception e) when (_server.Translate(e) is { } translated)
        {
            throw translated;
        }
    }

    /// <returns>False when there are no more lines.</returns>
    public async ValueTask<bool> TakeManyAsync(int count, LineConsumer consume, CancellationToken cancellationToken)
    {
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            for (var taken = 0; taken < count; taken++)
            {
                if (!await TakeLineAsync(cancellationToken))
                {
                    return false;
                }

                consume(_lines.Line);
            }

            return true;
        }
        catch (Exception e) when (_server.Translate(e) is { } translated)
        {
            throw translated;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _lines.Dispose();
        await _pipe.CompleteAsync();
        _response.Dispose();
    }

    private async ValueTask<bool> TakeLineAsync(CancellationToken cancellationToken)
    {
        while (!_lines.TryTake())
        {
            if (!await _lines.FillAsync(cancellationToken))
            {
                return false;
            }
        }

        return true;
    }
}
