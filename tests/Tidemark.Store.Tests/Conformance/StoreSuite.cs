using System.Globalization;
using Microsoft.Extensions.Time.Testing;

namespace Tidemark.Store.Tests.Conformance;

/// <summary>What the suites share: a fresh, opened store per test and short ways to write and to ask.</summary>
public abstract class StoreSuite(IStoreFixture fixture) : IAsyncLifetime
{
    /// <summary>The clock at the start of each test, a Tuesday.</summary>
    protected static readonly Instant Start = Instant.Utc(2026, 3, 10, 12);

    private ITelemetryStore? _store;

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    protected ITelemetryStore Store => _store!;

    protected StoreSettings Settings { get; private set; } = new();

    protected FakeTimeProvider Clock => fixture.Clock;

    public virtual async ValueTask InitializeAsync()
    {
        Clock.SetUtcNow(Start.ToDateTimeOffset());
        await OpenAsync(Settings);
    }

    public async ValueTask DisposeAsync()
    {
        await fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Opens the test's store again, with other settings if given.</summary>
    protected async Task OpenAsync(StoreSettings? settings = null)
    {
        Settings = settings ?? Settings;
        _store = await fixture.OpenAsync(Settings, Token);
    }

    protected static Instant At(string time)
        => Instant.From(DateTimeOffset.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal));

    protected static TimeRange Range(string from, string to) => new(At(from), At(to));

    protected static Reading At(string time, double? temperature, double? humidity = null, string sensor = "a")
        => new(At(time), sensor, [temperature ?? double.NaN, humidity ?? double.NaN]);

    protected ReadingBatch Batch(params IEnumerable<Reading> readings)
    {
        var batch = new ReadingBatch([.. Settings.Schema.MetricNames.Take(readings.FirstOrDefault().Values?.Length ?? 2)]);
        foreach (var reading in readings)
        {
            batch.Add(reading);
        }

        return batch;
    }

    protected Task<WriteResult> WriteAsync(params IEnumerable<Reading> readings) => Store.WriteAsync(Batch(readings), Token);

    protected Task<IReadOnlyList<RefreshResult>> RefreshAsync(string aggregate, TimeRange? range = null)
        => Store.RefreshAsync(aggregate, range, null, Token);

    protected async Task RefreshAllAsync()
    {
        foreach (var aggregate in Settings.Schema.Aggregates)
        {
            await RefreshAsync(aggregate.Name);
        }
    }

    /// <summary>An answer; rows of all sensors, which come in any order, by bucket and sensor.</summary>
    protected async Task<Answer> AnswerAsync(string aggregate, string? sensor = null, TimeRange? range = null, bool fromRaw = false)
    {
        var answer = await Store.AnswerAsync(aggregate, Token, sensor, range, fromRaw);
        return sensor is not null
            ? answer
            : answer with { Rows = [.. answer.Rows.OrderBy(r => r.Bucket).ThenBy(r => r.SensorId, StringComparer.Ordinal)] };
    }

    protected Task<IReadOnlyList<Reading>> RawAsync(string? sensor = null, TimeRange? range = null)
        => Store.RawAsync(sensor, range ?? TimeRange.All, Token);

    protected async Task<Instant?> WatermarkAsync(string aggregate) => (await AnswerAsync(aggregate)).Watermark;

    protected async Task<StoreErrorKind> FailsAsync(Func<Task> action) => (await Assert.ThrowsAsync<StoreException>(action)).Kind;

    /// <summary>NaN stands for null.</summary>
    protected static void HasValues(IEnumerable<double> actual, params double[] expected) => Assert.Equal(expected, actual);

    /// <summary>Bucket starts and counts, as short text.</summary>
    protected async Task<string> CountsAsync(string aggregate, string? sensor = null, TimeRange? range = null)
        => string.Join(", ", (await AnswerAsync(aggregate, sensor, range)).Rows
            .Select(r => $"{r.Bucket.ToDateTime():MM-dd HH:mm}={r.ReadingCount}"));

    /// <summary>Every aggregate answers what raw readings give.</summary>
    protected async Task AggregatesEqualRawAsync()
    {
        foreach (var aggregate in Settings.Schema.Aggregates)
        {
            var (expected, actual) = (await AnswerAsync(aggregate.Name, fromRaw: true), await AnswerAsync(aggregate.Name));
            Assert.Null(Comparison.Difference(expected, actual));
        }
    }

    protected async Task VerifyIsCleanAsync()
    {
        var report = await Store.VerifyAsync(null, null, Token);
        Assert.Equal((0, 0), (report.DifferenceCount, report.BucketsPending));
        Assert.Empty(report.Differences);
    }
}
