using Microsoft.Extensions.Logging;
using Tidemark.Configuration;

namespace Tidemark.Server.Live;

/// <summary>
/// Hands commits to live clients. It alone listens to the store, while there are any; readings become bytes once for each sensor of a
/// commit, however many clients get them.
/// </summary>
internal sealed partial class LiveHub(ITelemetryStore store, TidemarkOptions options, ILogger<LiveHub> logger) : IAsyncDisposable
{
    // A bulk load would make more events than anybody looks at: of each commit and audience the newest come, the others count as missed.
    private const int MostReadings = 10_000;

    // Which audiences a sensor has is worked out once for so many sensors.
    private const int MostKnown = 100_000;

    private readonly SemaphoreSlim _turn = new(1);
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Sensors, string? Metrics), LiveAudience> _audiences = [];
    private readonly Dictionary<string, LiveAudience[]> _bySensor = new(StringComparer.Ordinal);
    private readonly List<LiveAudience> _heard = [];
    private readonly LiveEvents _events = new();
    private CommitSubscription? _subscription;
    private Task _running = Task.CompletedTask;
    private int _clients;
    private volatile string _position = "";

    /// <summary>Up to here every listener has everything, in its queue at least.</summary>
    public string Position => _position;

    /// <returns>Null when there are too many listeners.</returns>
    public async Task<LiveListener?> JoinAsync(
        SensorSelection sensors, IReadOnlyList<string>? metrics, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_clients >= options.Server.LiveClients)
            {
                return null;
            }

            if (_subscription is null || _running.IsCompleted)
            {
                await StopAsync();
                var subscription = await store.SubscribeAsync(cancellationToken);
                (_subscription, _position) = (subscription, subscription.Position);
                _running = Task.Run(() => RunAsync(subscription), CancellationToken.None);
            }

            _clients++;
            lock (_lock)
            {
                var key = (sensors.ToString(), metrics is null ? null : string.Join(',', metrics));
                if (!_audiences.TryGetValue(key, out var audience))
                {
                    _audiences.Add(key, audience = new LiveAudience(sensors, metrics));
                    _bySensor.Clear();
                }

                var listener = new LiveListener(audience, _position);
                audience.Listeners.Add(listener);
                return listener;
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    public async Task LeaveAsync(LiveListener listener)
    {
        await _turn.WaitAsync();
        try
        {
            _clients--;
            lock (_lock)
            {
                var audience = listener.Audience;
                audience.Listeners.Remove(listener);
                if (audience.Listeners.Count == 0)
                {
                    _audiences.Remove(_audiences.First(a => a.Value == audience).Key);
                    _bySensor.Clear();
                }
            }

            if (_clients == 0)
            {
                await StopAsync();
            }
        }
        finally
        {
            listener.Dispose();
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync();
        await StopAsync();
        _events.Dispose();
        _turn.Release();
    }

    private async Task StopAsync()
    {
        if (_subscription is { } subscription)
        {
            _subscription = null;
            await subscription.DisposeAsync();
            await _running;
        }
    }

    private async Task RunAsync(CommitSubscription subscription)
    {
        try
        {
            await foreach (var commit in subscription.ReadAllAsync(CancellationToken.None))
            {
                lock (_lock)
                {
                    Publish(commit);
                    _position = commit.Position;
                }
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogFailed(logger, e);
        }

        // The store has ended, or nobody listens any more.
        lock (_lock)
        {
            foreach (var listener in _audiences.Values.SelectMany(a => a.Listeners))
            {
                listener.End();
            }
        }
    }

    private void Publish(CommittedReadings commit)
    {
        var batch = commit.Readings;
        _heard.Clear();
        foreach (var (first, _) in Runs(batch))
        {
            foreach (var audience in AudiencesOf(batch.SensorIds[first]))
            {
                if (audience.Runs++ == 0)
                {
                    _heard.Add(audience);
                }
            }
        }

        foreach (var (first, end) in Runs(batch))
        {
            // Those who want the same of a reading stand beside each other: it is made bytes once for them.
            var (made, from, readings) = ((LiveAudience?)null, first, 0);
            foreach (var audience in AudiencesOf(batch.SensorIds[first]))
            {
                var wanted = audience.FirstOf(first, end, MostReadings);
                if (wanted == end)
                {
                    continue;
                }

                if (made is null || from != wanted || made.MetricsKey != audience.MetricsKey)
                {
                    readings = _events.Write(batch, wanted, end, audience.Metrics);
                    (made, from) = (audience, wanted);
                }

                audience.Add(_events.Bytes, readings);
            }
        }

        var id = EventStream.Id(commit.Position);
        foreach (var audience in commit.Missed == 0 ? _heard : [.. _audiences.Values])
        {
            audience.Send(id, commit.Missed);
        }
    }

    /// <summary>The rows of each sensor, from the first to behind the last.</summary>
    private static IEnumerable<(int First, int End)> Runs(ReadingBatch batch)
    {
        for (var first = 0; first < batch.Count;)
        {
            var end = first + 1;
            while (end < batch.Count && batch.SensorIds[end] == batch.SensorIds[first])
            {
                end++;
            }

            yield return (first, end);
            first = end;
        }
    }

    private LiveAudience[] AudiencesOf(string sensor)
    {
        if (!_bySensor.TryGetValue(sensor, out var audiences))
        {
            if (_bySensor.Count == MostKnown)
            {
                _bySensor.Clear();
            }

            _bySensor.Add(sensor, audiences =
            [
                .. _audiences.Values.Where(a => a.Sensors.Matches(sensor)).OrderBy(a => a.MetricsKey, StringComparer.Ordinal),
            ]);
        }

        return audiences;
    }

    [LoggerMessage(EventId = 400, Level = LogLevel.Error, Message = "live readings ended")]
    private static partial void LogFailed(ILogger logger, Exception error);
}
