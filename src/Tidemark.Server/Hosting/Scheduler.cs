using System.Diagnostics;
using Cronos;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tidemark.Configuration;

namespace Tidemark.Server.Hosting;

/// <summary>
/// Refreshes, compresses and retains on their cron expressions (UTC), one job at a time in this order. A run that fails
/// is logged and counted, and the next one comes as planned; runs that fell due meanwhile are not made up for. A clock that is
/// stepped either way is followed within seconds. Where the database maintains itself, each job first looks whether the
/// database's own have left its work undone, and stands in for them only then. With an external owner it has no jobs.
/// </summary>
public sealed partial class Scheduler : BackgroundService
{
    // A job that is due begins within seconds, unless another one runs, which may have much to do.
    private static readonly TimeSpan Begins = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan WaitsForAnother = TimeSpan.FromHours(1);

    private readonly ITelemetryStore _store;
    private readonly TimeProvider _clock;
    private readonly ILogger<Scheduler> _logger;
    private readonly bool _onlyStandsIn;
    private readonly List<Job> _jobs = [];
    private volatile Job? _running;

    public Scheduler(TidemarkOptions options, ITelemetryStore store, TimeProvider clock, ILogger<Scheduler> logger)
    {
        _store = store;
        _clock = clock;
        _logger = logger;
        _onlyStandsIn = options.Maintenance == MaintenanceOwner.Database;
        if (options.Maintenance == MaintenanceOwner.External)
        {
            return;
        }

        Add("refresh", options.Schedule.Refresh, token => RefreshAsync(store, token));
        Add("compress", options.Schedule.Compress, token => CompressAsync(store, token));
        Add("retain", options.Schedule.Retain, token => RetainAsync(store, token));
    }

    /// <summary>
    /// How each job last went, safe to read at any time; of those that stand in for the database's, the ones that do so now.
    /// </summary>
    public IReadOnlyList<JobStatus> Jobs => [.. _jobs.Where(j => !_onlyStandsIn || j.StandsIn).Select(Told)];

    /// <summary>Whether a job here does the work of one of the database's.</summary>
    public bool StandsInFor(JobStatus other) => other.Overdue && _jobs.Any(j => j.StandsIn && j.DoesWorkOf(other));

    /// <summary>A job that was due and doesn't run says so.</summary>
    private JobStatus Told(Job job)
    {
        var (status, running) = (job.Status, _running);
        return running == job || !(Now - status.NextRun > (running is null ? Begins : WaitsForAnother))
            ? status
            : status with
            {
                State = JobState.Stopped,
                LastOutcome = $"stopped: it was due at {status.NextRun}{(running is null ? "" : $" and waits for {running.Status.Name}")}",
            };
    }

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
            await ClockWait.UntilAsync(next, _clock, stoppingToken);
            FollowClock();
            foreach (var job in _jobs.Where(j => j.Status.NextRun <= Now))
            {
                await RunAsync(job, stoppingToken);
            }
        }
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
        _running = job;
        try
        {
            if (_onlyStandsIn && !await LookAsync(job, cancellationToken))
            {
                job.Status = job.Status with { NextRun = job.NextAfter(Now) };
                return;
            }

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
        finally
        {
            _running = null;
        }
    }

    /// <returns>Whether the database's own jobs have left this one's work undone.</returns>
    private async Task<bool> LookAsync(Job job, CancellationToken cancellationToken)
    {
        var overdue = (await _store.ReadJobsAsync(cancellationToken)).FirstOrDefault(j => j.Overdue && job.DoesWorkOf(j));
        if (overdue is not null && !job.StandsIn)
        {
            LogStandsIn(job.Status.Name, overdue.Name, overdue.LastOutcome);
        }
        else if (overdue is null && job.StandsIn)
        {
            LogGivesBack(job.Status.Name);
        }

        job.StandsIn = overdue is not null;
        return job.StandsIn;
    }

    private void Add(string name, string? cron, Func<CancellationToken, Task<string>> run)
    {
        if (cron is not null)
        {
            _jobs.Add(new Job(name, _onlyStandsIn ? $"{name} by the server" : name, cron, run, Now));
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

    [LoggerMessage(
        EventId = 203,
        Level = LogLevel.Warning,
        Message = "{Job} begins: the database's job '{Other}' has not done its work for several periods ({Outcome})")]
    private partial void LogStandsIn(string job, string other, string? outcome);

    [LoggerMessage(EventId = 204, Level = LogLevel.Information, Message = "{Job} ends: the database's own jobs run again")]
    private partial void LogGivesBack(string job);

    private sealed class Job
    {
        private readonly string _work;
        private readonly CronExpression _cron;
        private volatile JobStatus _status;
        private volatile bool _standsIn;

        public Job(string work, string name, string cron, Func<CancellationToken, Task<string>> run, Instant now)
        {
            _work = work;
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

        /// <summary>Whether it does the work of a job of the database.</summary>
        public bool StandsIn
        {
            get => _standsIn;
            set => _standsIn = value;
        }

        /// <summary>Jobs of the database are named by their work and what they do it to; a refresh by Tidemark forgets by itself.</summary>
        public bool DoesWorkOf(JobStatus other)
            => other.Name.Split(' ')[0] is var work && (work == _work || (work == "forget" && _work == "refresh"));

        /// <returns>Null when the expression never comes true again.</returns>
        public Instant? NextAfter(Instant now)
            => _cron.GetNextOccurrence(now.ToDateTime()) is { } next ? Instant.From(new DateTimeOffset(next)) : null;
    }
}
