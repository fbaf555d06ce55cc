using System.Buffers;
using System.IO.Pipelines;

namespace Tidemark.Server.Wire;

/// <summary>
/// Cuts what arrives into lines: <see cref="FillAsync"/> waits for more, <see cref="TryTake"/> takes what is there. A
/// line is valid up to the next take.
/// </summary>
/// <param name="pipe">Left where reading stopped.</param>
/// <param name="maxLine">The most bytes of a line; what is longer is not kept.</param>
internal sealed class LineReader(PipeReader pipe, int maxLine) : IDisposable
{
    private ReadOnlySequence<byte> _rest;
    private ReadOnlySequence<byte> _line;
    private bool _reading;
    private bool _ended;
    private bool _skipping;

    /// <summary>The line's number, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>Whether the line is over the limit and was dropped.</summary>
    public bool IsTooLong { get; private set; }

    public ReadOnlySpan<byte> Line => _line.IsSingleSegment ? _line.FirstSpan : _line.ToArray();

    public bool IsBlank => !IsTooLong && !Line.ContainsAnyExcept(" \t\r"u8);

    /// <returns>False when everything was taken.</returns>
    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        Release();
        if (_ended)
        {
            return false;
        }

        var result = await pipe.ReadAsync(cancellationToken);
        (_rest, _reading, _ended) = (result.Buffer, true, result.IsCompleted);
        return true;
    }

    public bool TryTake()
    {
        // Most lines end in the piece where they begin.
        if (_rest.FirstSpan.IndexOf((byte)'\n') is var length and >= 0)
        {
            Take(_rest.Slice(0, length));
            _rest = _rest.Slice(length + 1);
            return true;
        }

        if (_rest.PositionOf((byte)'\n') is { } end)
        {
            Take(_rest.Slice(0, end));
            _rest = _rest.Slice(_rest.GetPosition(1, end));
            return true;
        }

        if (_ended && (_skipping || !_rest.IsEmpty))
        {
            Take(_rest);
            _rest = _rest.Slice(_rest.End);
            return true;
        }

        if (_rest.Length > maxLine)
        {
            // Only its end is looked for from here on.
            _skipping = true;
            _rest = _rest.Slice(_rest.End);
        }

        return false;
    }

    public void Dispose() => Release();

    private void Take(ReadOnlySequence<byte> line)
    {
        Number++;
        IsTooLong = _skipping || line.Length > maxLine;
        _line = IsTooLong ? default : line;
        _skipping = false;
    }

    private void Release()
    {
        if (_reading)
        {
            _reading = false;
            pipe.AdvanceTo(_rest.Start, _rest.End);
        }
    }
}
