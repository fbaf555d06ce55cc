using Microsoft.Extensions.Logging;
using Tidemark.Configuration;

namespace Tidemark.Server.Live;

/// <summary>Who listens to the same: the same sensors and metrics.</summary>
internal sealed class LiveAudience(SensorSelection sensors, IReadOnlyList<string>? metrics)
{
    public SensorSelection Sensors { get; } = sensors;

    public IReadOnlyList<string>? Metrics { get; } = metrics;

    public string MetricsKey { get; } = metrics is null ? "" : string.Join(',', metrics);

    public List<LiveListener> Listeners { get; } = [];
}

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
        var heard = new Dictionary<LiveAudience, List<(int First, int End)>>();
        for (var first = 0; first < batch.Count;)
        {
            var (sensor, end) = (batch.SensorIds[first], first + 1);
            while (end < batch.Count && batch.SensorIds[end] == sensor)
            {
                end++;
            }

            foreach (var audience in AudiencesOf(sensor))
            {
                if (!heard.TryGetValue(audience, out var runs))
                {
                    heard.Add(audience, runs = []);
                }

                runs.Add((first, end));
            }

            first = end;
        }

        var made = new Dictionary<(int First, int End, string Metrics), LiveEvents>();
        foreach (var audience in commit.Missed == 0 ? heard.Keys.AsEnumerable() : _audiences.Values)
        {
            var (events, missed) = Events(batch, heard.GetValueOrDefault(audience) ?? [], audience, made);
            if (events.Count > 0 || missed > 0 || commit.Missed != 0)
            {
                var news = new LiveCommit(events, commit.Position, commit.Missed + missed);
                audience.Listeners.ForEach(listener => listener.Add(news));
            }
        }
    }

    private static (List<LiveEvents> Events, long Missed) Events(
        ReadingBatch batch,
        List<(int First, int End)> runs,
        LiveAudience audience,
        Dictionary<(int First, int End, string Metrics), LiveEvents> made)
    {
        var most = Math.Max(1, MostReadings / Math.Max(1, runs.Count));
        var missed = runs.Take(runs.Count - MostReadings).Sum(run => (long)run.End - run.First);
        var events = new List<LiveEvents>(Math.Min(runs.Count, MostReadings));
        foreach (var run in runs.Skip(runs.Count - MostReadings))
        {
            var first = Math.Max(run.First, run.End - most);
            missed += first - run.First;
            var key = (first, run.End, audience.MetricsKey);
            if (!made.TryGetValue(key, out var written))
            {
                made.Add(key, written = EventStream.Write(batch, first, run.End, audience.Metrics));
            }

            if (written.Readings > 0)
            {
                events.Add(written);
            }
        }

        return (events, missed);
    }

    private LiveAudience[] AudiencesOf(string sensor)
    {
        if (!_bySensor.TryGetValue(sensor, out var audiences))
        {
            if (_bySensor.Count == MostKnown)
            {
                _bySensor.Clear();
            }

            _bySensor.Add(sensor, audiences = [.. _audiences.Values.Where(a => a.Sensors.Matches(sensor))]);
        }

        return audiences;
    }

    [LoggerMessage(EventId = 400, Level = LogLevel.Error, Message = "live readings ended")]
    private static partial void LogFailed(ILogger logger, Exception error);
}
