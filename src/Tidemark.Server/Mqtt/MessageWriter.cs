using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tidemark.Configuration;
using Tidemark.Ingest.Messages;
using Tidemark.Server.Mqtt.Sparkplug;

namespace Tidemark.Server.Mqtt;

/// <summary>
/// Gathers the messages of all connections: those that came while a batch was committed are the next batch. While the store is down they
/// wait, as many as there is room for, and none is acknowledged.
/// </summary>
internal sealed partial class MessageWriter(
    ITelemetryStore store, TidemarkOptions options, TimeProvider clock, MessageLog log, ILogger<MessageWriter> logger) : BackgroundService
{
    private const int BatchSize = 10_000;
    private const long MostValues = 1_000_000;
    private const long Room = 64L << 20;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly Channel<IncomingMessage> _waiting
        = Channel.CreateUnbounded<IncomingMessage>(new UnboundedChannelOptions { SingleReader = true });

    private readonly SparkplugNodes _sparkplug = new(clock, logger);
    private readonly List<IncomingMessage> _batch = [];
    private readonly List<int> _messageOfRow = [];
    private volatile string? _storeError;
    private volatile TaskCompletionSource _roomMade = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _size;
    private long _count;

    public string? StoreError => _storeError;

    public long Waiting => Interlocked.Read(ref _count);

    public bool IsFull => Interlocked.Read(ref _size) >= Room;

    /// <summary>Completes once there is room for another message.</summary>
    public async Task WaitForRoomAsync(CancellationToken cancellationToken)
    {
        while (IsFull)
        {
            var made = _roomMade.Task;
            if (IsFull)
            {
                await made.WaitAsync(cancellationToken);
            }
        }
    }

    /// <summary>Takes a message in line; never waits.</summary>
    public void Add(IncomingMessage message)
    {
        Interlocked.Increment(ref _count);
        Interlocked.Add(ref _size, message.Size);
        if (!_waiting.Writer.TryWrite(message))
        {
            Leave(message);
            message.GiveUp();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await _waiting.Reader.WaitToReadAsync(stoppingToken))
            {
                await WriteWaitingAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What waits is not acknowledged and comes again.
        }
        finally
        {
            _waiting.Writer.TryComplete();
            foreach (var message in _batch)
            {
                message.GiveUp();
            }

            while (_waiting.Reader.TryRead(out var message))
            {
                message.GiveUp();
            }
        }
    }

    private async Task WriteWaitingAsync(CancellationToken cancellationToken)
    {
        var horizon = await TryAsync(() => store.ReadRawHorizonAsync(cancellationToken), cancellationToken);
        var readings = new MessageReadings(store.Schema, options, clock, horizon);
        while (readings.Batch.Count < BatchSize && readings.Batch.Count * (long)readings.Batch.MetricCount < MostValues
            && _batch.Count < BatchSize && _waiting.Reader.TryRead(out var message))
        {
            if (message.IsGone)
            {
                Leave(message);
                message.GiveUp();
                continue;
            }

            _batch.Add(message);
            Read(message, readings);
        }

        await WriteAsync(readings.Batch, cancellationToken);
        log.Take(_batch.Count);
        foreach (var message in _batch)
        {
            Leave(message);
            message.Acknowledge();
        }

        _batch.Clear();
        _messageOfRow.Clear();
    }

    private void Read(IncomingMessage incoming, MessageReadings readings)
    {
        var message = new Message(
            incoming.Route.Rule!, incoming.Route.Sensor, incoming.Route.Metric, incoming.Payload, incoming.Arrival);
        MessageFault? fault;
        try
        {
            fault = message.Rule.Format == PayloadFormat.Sparkplug ? _sparkplug.Read(incoming, readings) : message.Read(readings);
        }
        catch (Exception e)
        {
            // What one sender sends must not stop the others.
            LogUnreadable(incoming.Topic, e);
            readings.Discard();
            fault = new MessageFault(MessageFault.Payload, "the message can't be read; the server's log says why");
        }

        if (fault is not null)
        {
            log.Refuse(incoming.Topic, fault);
        }

        while (_messageOfRow.Count < readings.Batch.Count)
        {
            _messageOfRow.Add(_batch.Count - 1);
        }
    }

    /// <summary>Writes the batch, however long the store is down.</summary>
    private async Task WriteAsync(ReadingBatch batch, CancellationToken cancellationToken)
    {
        if (batch.Count == 0)
        {
            return;
        }

        var result = await TryAsync(() => WriteOrSplitAsync(batch, [.. _messageOfRow], cancellationToken), cancellationToken);
        log.Write(batch.Count - result);
    }

    /// <returns>How many readings the store refused.</returns>
    private async Task<long> WriteOrSplitAsync(ReadingBatch batch, IReadOnlyList<int> messages, CancellationToken cancellationToken)
    {
        try
        {
            var result = await store.WriteAsync(batch, cancellationToken);
            foreach (var refused in result.Refusals ?? [])
            {
                log.Refuse(_batch[messages[refused.Row]].Topic, new MessageFault(MessageFault.Reading, refused.Error));
            }

            return result.Refused;
        }
        catch (StoreException e) when (e.Kind is StoreErrorKind.OlderThanRetention or StoreErrorKind.Invalid)
        {
            // Retention ran since the horizon was read, or the like: only the readings that are at fault are refused.
            if (batch.Count == 1)
            {
                log.Refuse(_batch[messages[0]].Topic, new MessageFault(MessageFault.Reading, e.Message));
                return 1;
            }

            var half = batch.Count / 2;
            return await WriteOrSplitAsync(Part(batch, 0, half), [.. messages.Take(half)], cancellationToken)
                + await WriteOrSplitAsync(Part(batch, half, batch.Count), [.. messages.Skip(half)], cancellationToken);
        }
    }

    private static ReadingBatch Part(ReadingBatch batch, int from, int to)
    {
        var part = new ReadingBatch(batch.Metrics, to - from) { Mode = batch.Mode };
        for (var row = from; row < to; row++)
        {
            part.Add(batch[row]);
        }

        return part;
    }

    /// <summary>Asks the store again and again while it is down.</summary>
    private async Task<T> TryAsync<T>(Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                var answer = await ask();
                if (_storeError is not null)
                {
                    _storeError = null;
                    LogAgain(Waiting);
                }

                return answer;
            }
            catch (StoreException e)
            {
                if (_storeError is null)
                {
                    LogDown(e.Message);
                }

                _storeError = e.Message;
                await Task.Delay(pause, cancellationToken);
            }
        }
    }

    private void Leave(IncomingMessage message)
    {
        Interlocked.Decrement(ref _count);
        var before = Interlocked.Add(ref _size, -message.Size) + message.Size;
        if (before >= Room && before - message.Size < Room)
        {
            Interlocked.Exchange(ref _roomMade!, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        }
    }

    [LoggerMessage(
        EventId = 400,
        Level = LogLevel.Warning,
        Message = "messages by MQTT wait, unacknowledged, until the store takes readings: {Error}")]
    private partial void LogDown(string error);

    [LoggerMessage(
        EventId = 401, Level = LogLevel.Information, Message = "the store takes readings again; {Count} messages by MQTT waited")]
    private partial void LogAgain(long count);

    [LoggerMessage(EventId = 402, Level = LogLevel.Error, Message = "a message of {Topic} can't be read")]
    private partial void LogUnreadable(string topic, Exception error);
}
