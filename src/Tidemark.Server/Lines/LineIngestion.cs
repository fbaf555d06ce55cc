using Tidemark.Configuration;
using Tidemark.Ingest;
using Tidemark.Ingest.LineProtocol;
using Tidemark.Server.Hosting;

namespace Tidemark.Server.Lines;

/// <summary>
/// The lines of one request on their way into the store: read, held against the limits, gathered into batches and merged with what is
/// stored. While one batch is written the next one is read.
/// </summary>
internal sealed class LineIngestion
{
    // A batch with many metrics has fewer readings, so that memory stays bounded.
    public const long MostValues = 1_000_000;

    private const int BatchSize = 10_000;
    private const int MostErrors = 100;

    private readonly ITelemetryStore _store;
    private readonly LineReadings _readings;
    private readonly RoomShare? _room;
    private readonly bool _writes;
    private readonly List<LineError> _errors = [];
    private readonly LineWorkspace _workspace;
    private Task _writing = Task.CompletedTask;

    private LineIngestion(ITelemetryStore store, LineReadings readings, LineWorkspace workspace, RoomShare? room, bool writes)
        => (_store, _readings, _workspace, _room, _writes) = (store, readings, workspace, room, writes);

    /// <summary>The first hundred lines that were refused, in their order.</summary>
    public IReadOnlyList<LineError> Errors => [.. _errors.OrderBy(e => e.Number)];

    public long Refused { get; private set; }

    /// <summary>Readings that are in the store now.</summary>
    public long Taken { get; private set; }

    /// <summary>Values that were left out because they are texts.</summary>
    public long Texts { get; private set; }

    public bool IsFull => _readings.Count >= BatchSize || _readings.Count * (long)_readings.Metrics.Count >= MostValues;

    /// <param name="store">Where readings go.</param>
    /// <param name="options">Of the server.</param>
    /// <param name="clock">What times are held against; lines without a time are of now.</param>
    /// <param name="precision">Of the times.</param>
    /// <param name="naming">Of sensors and metrics.</param>
    /// <param name="room">For each batch; null where there is room for the whole body.</param>
    /// <param name="writes">Whether readings are written, or lines only looked at.</param>
    /// <param name="cancellationToken">Stops it before it has begun.</param>
    public static async Task<LineIngestion> BeginAsync(
        ITelemetryStore store,
        TidemarkOptions options,
        TimeProvider clock,
        LinePrecision precision,
        LineNaming naming,
        RoomShare? room,
        bool writes,
        CancellationToken cancellationToken)
    {
        var horizon = await store.ReadRawHorizonAsync(cancellationToken);
        var validator = new ReadingValidator([], store.Schema, options.MaxSkew, clock, options.OldestTime, horizon);
        var admitted = new IncomingMetrics(store.Schema, options.NewMetrics, options.MaxMetrics);
        var arrival = Instant.From(clock.GetUtcNow());
        var workspace = LineWorkspace.Rent();
        var readings = new LineReadings(
            precision, naming, arrival, options.Server.MaxLine, validator, admitted, MostErrors, workspace.Buffers);
        return new(store, readings, workspace, room, writes);
    }

    /// <summary>Waits for room before so much text is read, if it or what is gathered is large.</summary>
    public ValueTask MakeRoomAsync(long text, CancellationToken cancellationToken)
        => _room is { IsTaken: false } && text + (_readings.Count * (_readings.Metrics.Count + 2L) * sizeof(double)) > WriteRoom.Free
            ? _room.TakeAsync(cancellationToken)
            : ValueTask.CompletedTask;

    /// <summary>Reads whole lines, up to a full batch.</summary>
    /// <returns>How many bytes were read; what follows them is to come again.</returns>
    public int Read(ReadOnlySpan<byte> text, bool isFinal)
    {
        var rest = text;
        _readings.Read(ref rest, isFinal, BatchSize, MostValues);
        return text.Length - rest.Length;
    }

    /// <summary>Hands what is gathered to the store, once that has written the batch before.</summary>
    public async ValueTask WriteAsync(CancellationToken cancellationToken)
    {
        Refused += _readings.Refused;
        Texts += _readings.Strings.Total;
        _errors.AddRange(_readings.Errors.Take(MostErrors - _errors.Count));
        if (_readings.Count > 0 && _writes)
        {
            var part = _workspace.NextPart();
            part.Gather(_readings);
            await _writing;
            _writing = WriteAsync(part, _room?.Detach(), cancellationToken);
        }

        _readings.Clear();
    }

    /// <summary>Waits until all that was handed over is durable, or refused. Nothing can be read afterwards.</summary>
    public async Task FinishAsync()
    {
        try
        {
            await _writing;
        }
        finally
        {
            _room?.Dispose();
        }

        _readings.Clear();
        _workspace.Return();
    }

    private async Task WriteAsync(LinePart part, IDisposable? room, CancellationToken cancellationToken)
    {
        using var held = room;
        try
        {
            await WriteBatchAsync(part, cancellationToken);
        }
        catch (StoreException e) when (e.Kind == StoreErrorKind.OlderThanRetention)
        {
            // Retention ran since the horizon was read.
            RefuseBefore(part, await _store.ReadRawHorizonAsync(cancellationToken) ?? default);
            await WriteBatchAsync(part, cancellationToken);
        }
    }

    private async Task WriteBatchAsync(LinePart part, CancellationToken cancellationToken)
    {
        var result = part.Batch.Count == 0 ? default : await _store.WriteAsync(part.Batch, cancellationToken);
        foreach (var refused in result.Refusals ?? [])
        {
            Refuse(part, refused.Row, refused.Error);
        }

        Taken += part.Batch.Count - result.Refused;
    }

    private void RefuseBefore(LinePart part, Instant horizon)
    {
        var old = Enumerable.Range(0, part.Batch.Count).Where(row => part.Batch.TimesMicros[row] < horizon.Micros).ToList();
        foreach (var row in old)
        {
            Refuse(part, row, StoreException.OlderThanRetention(new Instant(part.Batch.TimesMicros[row]), horizon).Message);
        }

        part.Remove(old);
    }

    private void Refuse(LinePart part, int row, string error)
    {
        Refused++;
        if (_errors.Count < MostErrors)
        {
            _errors.Add(new LineError(part.Lines[row], part.Texts[row], error));
        }
    }
}
