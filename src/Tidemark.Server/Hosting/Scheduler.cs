using System.Diagnostics;
using Cronos;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tidemark.Configuration;

namespace Tidemark.Server.Hosting;

/// <summary>
/// Refreshes, compresses and retains on their cron expressions (UTC), one job at a time in this order. A run that fails
/// is logged and counted, and the next one comes as planned; runs that fell due meanwhile are not made up for. A clock that is
/// stepped either way is followed within seconds. With another owner of
/// maintenance it has no jobs.
/// </summary>
public sealed partial class Scheduler : BackgroundService
{
    // Timers hold no longer waits.
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    // A clock that is put right moves no timer: it is looked at so often.
    private static readonly TimeSpan ClockLook = TimeSpan.FromSeconds(10);

    private readonly TimeProvider _clock;
    private readonly ILogger<Scheduler> _logger;
    private readonly List<Job> _jobs = [];

    public Scheduler(TidemarkOptions options, ITelemetryStore store, TimeProvider clock, ILogger<Scheduler> logger)
    {
        _clock = clock;
        _logger = logger;
        if (options.Maintenance != MaintenanceOwner.Server)
        {
            return;
        }

        Add("refresh", options.Schedule.Refresh, token => RefreshAsync(store, token));
        Add("compress", options.Schedule.Compress, token => CompressAsync(store, token));
        Add("retain", options.Schedule.Retain, token => RetainAsync(store, token));
    }

    /// <summary>How each job last went, safe to read at any time.</summary>
    public IReadOnlyList<JobStatus> Jobs => [.. _jobs.Select(j => j.Status)];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await RunUntilCancelledAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host takes it for a failure when it stops before it has started, on a port in use.
        }
    }

    private async Task RunUntilCancelledAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested && _jobs.Min(j => j.Status.NextRun) is { } next)
        {
            var wait = next - Now;
            if (wait > TimeSpan.Zero)
            {
                await WaitAsync(wait < LongestWait ? wait : LongestWait, stoppingToken);
            }

            FollowClock();
            foreach (var job in _jobs.Where(j => j.Status.NextRun <= Now))
            {
                await RunAsync(job, stoppingToken);
            }
        }
    }

    /// <summary>Waits for a time of the clock, or until it is to be looked at again.</summary>
    private async Task WaitAsync(TimeSpan wait, CancellationToken stoppingToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        await Task.WhenAny(Task.Delay(wait, _clock, over.Token), Task.Delay(ClockLook, over.Token));
        await over.CancelAsync();
        stoppingToken.ThrowIfCancellationRequested();
    }

    /// <summary>When the clock was put back, runs are due again that come before those planned.</summary>
    private void FollowClock()
    {
        foreach (var job in _jobs)
        {
            if (job.NextAfter(Now) is { } next && next < job.Status.NextRun && job.Status.NextRun > Now)
            {
                LogClockPutBack(job.Status.Name, next, job.Status.NextRun.Value);
                job.Status = job.Status with { NextRun = next };
            }
        }
    }

    private Instant Now => Instant.From(_clock.GetUtcNow());

    private async Task RunAsync(Job job, CancellationToken cancellationToken)
    {
        var started = Now;
        var watch = Stopwatch.GetTimestamp();
        try
        {
            var outcome = await job.Run(cancellationToken);
            LogDone(job.Status.Name, outcome, Stopwatch.GetElapsedTime(watch).TotalMilliseconds);
            job.Status = job.Status with { LastRun = started, LastOutcome = outcome, State = JobState.Ok, NextRun = job.NextAfter(Now) };
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            var error = e.Message.ReplaceLineEndings(" ");
            LogFailed(job.Status.Name, error);
            job.Status = job.Status with
            {
                LastRun = started,
                LastOutcome = $"failed: {error}",
                State = JobState.Failed,
                Failures = job.Status.Failures + 1,
                NextRun = job.NextAfter(Now),
            };
        }
    }

    private void Add(string name, string? cron, Func<CancellationToken, Task<string>> run)
    {
        if (cron is not null)
        {
            _jobs.Add(new Job(name, cron, run, Now));
        }
    }

    private static async Task<string> RefreshAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
        var rows = new Dictionary<string, long>();
        foreach (var aggregate in store.Schema.Aggregates)
        {
            // An aggregate's sources come first in the schema and again in each answer.
            foreach (var result in await store.RefreshAsync(aggregate.Name, null, null, cancellationToken))
            {
                rows[result.Aggregate] = rows.GetValueOrDefault(result.Aggregate) + result.RowsWritten;
            }
        }

        return string.Join(", ", rows.Select(r => $"{r.Key} {r.Value} rows"));
    }

    private static async Task<string> CompressAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
        var result = await store.CompressAsync(null, cancellationToken);
        return $"{result.Chunks} chunks, {result.BytesBefore} to {result.BytesAfter} bytes";
    }

    private static async Task<string> RetainAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
        var result = await store.RetainAsync(cancellationToken);
        return $"{result.ChunksDropped} chunks with {result.ReadingsDropped} readings and {result.BucketsDropped} buckets dropped";
    }

    [LoggerMessage(EventId = 200, Level = LogLevel.Information, Message = "{Job}: {Outcome}, {ElapsedMs:0.0} ms")]
    private partial void LogDone(string job, string outcome, double elapsedMs);

    [LoggerMessage(EventId = 201, Level = LogLevel.Warning, Message = "{Job} failed: {Error}")]
    private partial void LogFailed(string job, string error);

    [LoggerMessage(
        EventId = 202,
        Level = LogLevel.Warning,
        Message = "the clock was put back: {Job} runs next at {Next}, not at {Planned}")]
    private partial void LogClockPutBack(string job, Instant next, Instant planned);

    private sealed class Job
    {
        private readonly CronExpression _cron;
        private volatile JobStatus _status;

        public Job(string name, string cron, Func<CancellationToken, Task<string>> run, Instant now)
        {
            _cron = CronExpression.Parse(cron);
            Run = run;
            _status = new JobStatus(name, cron, null, null, 0, NextAfter(now));
        }

        public Func<CancellationToken, Task<string>> Run { get; }

        public JobStatus Status
        {
            get => _status;
            set => _status = value;
        }

        /// <returns>Null when the expression never comes true again.</returns>
        public Instant? NextAfter(Instant now)
            => _cron.GetNextOccurrence(now.ToDateTime()) is { } next ? Instant.From(new DateTimeOffset(next)) : null;
    }
}
