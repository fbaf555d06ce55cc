using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace Tidemark.Server.Alerts;

/// <summary>
/// The messages of one receiver, which are delivered one after the other, each again and again until it is taken or given up. Each is kept
/// with the store until then.
/// </summary>
internal sealed partial class AlertOutbox
{
    // Beyond so many the oldest are dropped.
    internal const int Most = 10_000;

    // The first try of a message that has become old waiting.
    private static readonly TimeSpan LeastTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestTime = TimeSpan.FromDays(3);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    // A message that a receiver refuses holds up the others: it is tried for about twenty minutes.
    private const int TriesOfRefused = 10;

    private static readonly ResiliencePropertyKey<AlertMessage> Message = new("message");

    private readonly AlertReceiver _receiver;
    private readonly ITelemetryStore _store;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly ResiliencePipeline<Delivery> _pipeline;
    private readonly Lock _lock = new();
    private readonly LinkedList<AlertMessage> _waiting = new();
    private readonly SemaphoreSlim _added = new(0);
    private AlertReceiverStatus _status;

    public AlertOutbox(AlertReceiver receiver, ITelemetryStore store, TimeProvider clock, ILogger logger)
    {
        (_receiver, _store, _clock, _logger) = (receiver, store, clock, logger);
        _status = new AlertReceiverStatus(receiver.Name, receiver.Address, 0, 0, 0, 0, 0, null, null);
        _pipeline = new ResiliencePipelineBuilder<Delivery> { TimeProvider = clock }
            .AddTimeout(new TimeoutStrategyOptions { TimeoutGenerator = arguments => new(TimeLeft(arguments.Context)) })
            .AddRetry(new RetryStrategyOptions<Delivery>
            {
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                Delay = FirstPause,
                MaxDelay = LongestPause,
                UseJitter = true,
                ShouldHandle = arguments => new(MayTryAgain(arguments.Outcome.Result, arguments.AttemptNumber)),
                DelayGenerator = arguments => new(arguments.Outcome.Result?.RetryAfter),
            })
            .Build();
    }

    public AlertReceiverStatus Status
    {
        get
        {
            lock (_lock)
            {
                return _status with { Waiting = _waiting.Count };
            }
        }
    }

    /// <summary>Takes messages that are kept with the store; never waits.</summary>
    /// <returns>Those that are dropped for it.</returns>
    public IReadOnlyList<AlertMessage> Add(IEnumerable<AlertMessage> messages)
    {
        var dropped = new List<AlertMessage>();
        lock (_lock)
        {
            foreach (var message in messages)
            {
                _waiting.AddLast(message);
            }

            // The first may be on its way.
            while (_waiting.Count > Most)
            {
                dropped.Add(_waiting.First!.Next!.Value);
                _waiting.Remove(_waiting.First.Next);
            }

            _status = _status with { Dropped = _status.Dropped + dropped.Count };
        }

        _added.Release();
        return dropped;
    }

    public void Clear()
    {
        lock (_lock)
        {
            _waiting.Clear();
        }
    }

    /// <summary>Delivers until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            AlertMessage? message;
            lock (_lock)
            {
                message = _waiting.First?.Value;
            }

            if (message is null)
            {
                await _added.WaitAsync(cancellationToken);
                continue;
            }

            await DeliverAsync(message, cancellationToken);
            await ForgetAsync(message, cancellationToken);
        }
    }

    private async Task DeliverAsync(AlertMessage message, CancellationToken cancellationToken)
    {
        var context = ResilienceContextPool.Shared.Get(cancellationToken);
        context.Properties.Set(Message, message);
        Delivery delivery;
        try
        {
            delivery = await _pipeline.ExecuteAsync(async c => Note(await _receiver.SendAsync(message, c.CancellationToken)), context);
        }
        catch (TimeoutRejectedException)
        {
            delivery = Delivery.Fail($"not taken for {LongestTime.TotalDays} days");
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }

        var isDelivered = delivery.Outcome == DeliveryOutcome.Delivered;
        lock (_lock)
        {
            _status = isDelivered
                ? _status with { Delivered = _status.Delivered + 1, LastDelivery = Instant.From(_clock.GetUtcNow()), Error = null }
                : _status with { GivenUp = _status.GivenUp + 1 };
        }

        if (!isDelivered)
        {
            LogGivenUp(_receiver.Name, message.Rule, message.SensorId, delivery.Error);
        }
    }

    /// <summary>Takes it away from the store; sent again it would be the same message, but it should come once.</summary>
    private async Task ForgetAsync(AlertMessage message, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await _store.WriteDocumentsAsync([new(message.Document, null)], null, cancellationToken);
            }
            catch (StoreException)
            {
                await Task.Delay(FirstPause, _clock, cancellationToken);
                continue;
            }

            lock (_lock)
            {
                _waiting.Remove(message);
            }

            return;
        }
    }

    /// <summary>The first failure of several is logged.</summary>
    private Delivery Note(Delivery delivery)
    {
        if (delivery.Outcome == DeliveryOutcome.Delivered)
        {
            return delivery;
        }

        bool isFirst;
        lock (_lock)
        {
            isFirst = _status.Error is null;
            _status = _status with { Failures = _status.Failures + 1, Error = delivery.Error };
        }

        if (isFirst)
        {
            LogFailed(_receiver.Name, _receiver.Address, delivery.Error);
        }

        return delivery;
    }

    private TimeSpan TimeLeft(ResilienceContext context)
    {
        var left = context.Properties.GetValue(Message, null!).Created + LongestTime - Instant.From(_clock.GetUtcNow());
        return left > LeastTime ? left : LeastTime;
    }

    private static bool MayTryAgain(Delivery? delivery, int attempt) => delivery?.Outcome switch
    {
        DeliveryOutcome.Failed => true,
        DeliveryOutcome.Refused => attempt < TriesOfRefused - 1,
        _ => false,
    };

    [LoggerMessage(
        EventId = 510,
        Level = LogLevel.Warning,
        Message = "alerts for {Receiver} ({Address}) wait, and are sent again until it takes them: {Error}")]
    private partial void LogFailed(string receiver, string address, string? error);

    [LoggerMessage(
        EventId = 511,
        Level = LogLevel.Error,
        Message = "{Receiver} was not told of the alert {Rule} of {SensorId}, which is given up: {Error}")]
    private partial void LogGivenUp(string receiver, string rule, string sensorId, string? error);
}
