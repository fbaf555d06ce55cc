using Cronos;
using Microsoft.Extensions.Time.Testing;
using Tidemark.Cli;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Cli;

public sealed class ScheduleTests : IDisposable
{
    private readonly CliFolder _folder = new();
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 3, 1, 10, 59, 30, TimeSpan.Zero));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_runs_at_each_time_and_a_failure_does_not_end_it()
    {
        using var end = new CancellationTokenSource();
        var runs = new List<DateTimeOffset>();
        var repeat = Schedule.RepeatAsync(
            CronExpression.Parse("0 * * * *"),
            _ =>
            {
                runs.Add(_clock.GetUtcNow());
                return runs.Count == 1 ? throw new IOException("the first run fails") : Task.CompletedTask;
            },
            _clock,
            end.Token);
        Assert.Empty(runs);

        _clock.Advance(TimeSpan.FromSeconds(29));
        Assert.Empty(runs);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([At(11)], runs);
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal([At(11), At(12)], runs);

        await end.CancelAsync();
        Assert.Equal(0, await repeat);
    }

    [Fact]
    public async Task Times_that_pass_during_a_run_are_not_made_up_for()
    {
        using var end = new CancellationTokenSource();
        var runs = new List<DateTimeOffset>();
        var repeat = Schedule.RepeatAsync(
            CronExpression.Parse("0 * * * *"),
            _ =>
            {
                runs.Add(_clock.GetUtcNow());
                _clock.Advance(runs.Count == 1 ? TimeSpan.FromMinutes(150) : TimeSpan.Zero);
                return Task.CompletedTask;
            },
            _clock,
            end.Token);
        _clock.Advance(TimeSpan.FromSeconds(30));
        _clock.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal([At(11), At(14)], runs);

        await end.CancelAsync();
        Assert.Equal(0, await repeat);
    }

    [Fact]
    public async Task A_clock_that_is_put_right_is_followed_either_way()
    {
        TestLength.SkipUnlessShare();
        using var end = new CancellationTokenSource();
        var runs = new List<DateTimeOffset>();
        var ran = new SemaphoreSlim(0);
        var repeat = Schedule.RepeatAsync(
            CronExpression.Parse("0 * * * *"),
            _ =>
            {
                runs.Add(_clock.GetUtcNow());
                ran.Release();
                return Task.CompletedTask;
            },
            _clock,
            end.Token);

        // No timer ends by that.
        _clock.AdjustTime(At(13));
        Assert.True(await ran.WaitAsync(TimeSpan.FromMinutes(1)));
        _clock.AdjustTime(At(8).AddMinutes(59));
        while (!await ran.WaitAsync(TimeSpan.FromMilliseconds(500)))
        {
            Assert.True(_clock.GetUtcNow() < At(13), "it still waits for the time that the clock had told");
            _clock.Advance(TimeSpan.FromMinutes(5));
        }

        Assert.Equal(At(13), runs[0]);
        Assert.True(runs[1] < At(13), $"{runs[1]}");

        await end.CancelAsync();
        Assert.Equal(0, await repeat);
    }

    [Theory]
    [InlineData("refresh"), InlineData("maintain")]
    public async Task A_schedule_ends_by_SIGTERM_without_a_failure(string verb)
    {
        await _folder.SucceedAsync("init");
        var scheduled = _folder.Start(verb, "--schedule", "0 0 1 1 *");
        // Long enough to have its signal handlers, which come before everything else.
        await Task.Delay(TimeSpan.FromSeconds(2));
        var result = await scheduled.TerminateAsync();
        Assert.Equal("", result.Error);
        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public async Task A_malformed_schedule_is_refused()
    {
        var result = await _folder.RunAsync("refresh", "--schedule", "hourly");
        Assert.StartsWith("tidemark: --schedule 'hourly' is not a cron expression of five fields", result.Error, StringComparison.Ordinal);
        Assert.Equal(2, result.ExitCode);
    }

    private static DateTimeOffset At(int hour) => new(2026, 3, 1, hour, 0, 0, TimeSpan.Zero);
}
