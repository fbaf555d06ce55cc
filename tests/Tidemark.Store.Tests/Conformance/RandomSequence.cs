using System.Globalization;

namespace Tidemark.Store.Tests.Conformance;

/// <summary>One sequence: a function of its seed.</summary>
internal sealed class RandomSequence
{
    private static readonly Instant Begin = Instant.Utc(2026, 2, 20, 6);
    private static readonly string[] Sensors = ["a", "b/%", "ü"];

    private readonly int _seed;
    private readonly Random _random;
    private readonly IStoreFixture _fixture;
    private readonly CancellationToken _token;
    private readonly ReferenceFixture _reference = new();
    private readonly StoreSettings _all;
    private StoreSettings _settings;
    private readonly List<string> _log = [];
    private ITelemetryStore _expected = null!;
    private ITelemetryStore _actual = null!;

    public RandomSequence(int seed, IStoreFixture fixture, CancellationToken token)
    {
        (_seed, _random, _fixture, _token) = (seed, new Random(seed), fixture, token);
        _all = RandomSettings();
        _settings = Chance(0.3) ? SomeAggregates() : _all;
    }

    public int Steps { get; private set; }

    public long Answers { get; private set; }

    public async Task RunAsync()
    {
        try
        {
            Advance(Begin - Instant.From(_fixture.Clock.GetUtcNow()));
            await OpenAsync(_settings);
            var steps = _random.Next(5, 9);
            while (Steps++ < steps)
            {
                await StepAsync();
                await CompareAsync(everything: Steps == steps);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new InvalidOperationException(
                $"seed {_seed} fails (TIDEMARK_TEST_SEED={_seed} TIDEMARK_TEST_SEQUENCES=1 runs it again): "
                    + $"{e.Message}\n{string.Join('\n', _log)}", e);
        }
    }

    private StoreSettings RandomSettings()
    {
        TimeSpan? hourlyRetention = Chance(0.3) ? TimeSpan.FromDays(_random.Next(6, 15)) : null;
        AggregateEntry[] entries = Chance(0.5)
            ? [.. TestSchema.Chain(hourlyRetention)]
            : [new("quarters", "15 minutes"), new("shift", "8 hours", "quarters", hourlyRetention), new("weekly", "7 days", "shift"), new(
                "peak_hours",
                "1 day",
                Columns: TestSchema.PeakColumns)];
        var settings = new StoreSettings
        {
            Schema = TestSchema.Create([TestSchema.Temperature, TestSchema.Humidity], entries),
            ChunkInterval = TimeSpan.FromHours(Pick(24, 60, 168, 168)),
            CompressAfter = Chance(0.8) ? TimeSpan.FromDays(_random.Next(1, 8)) : null,
            Retention = Chance(0.6) ? TimeSpan.FromDays(_random.Next(4, 20)) : null,
            RealTime = Chance(0.85),
            ChunkOrigin = _fixture.ChunkOrigin,
        };
        _log.Add($"aggregates {string.Join(", ", entries.Select(e => $"{e.Name} {e.Bucket} {e.Retention}"))}; chunks "
            + $"{settings.ChunkInterval}, compress {settings.CompressAfter}, retention {settings.Retention}, tail {settings.RealTime}");
        return settings;
    }

    private Task StepAsync() => _random.Next(20) switch
    {
        < 8 => WriteAsync(),
        < 12 => RefreshAsync(),
        < 14 => CompressAsync(),
        < 16 => RetainAsync(),
        < 17 => OpenAsync(Chance(0.5) ? _settings : SomeAggregates()),
        _ => PassTimeAsync(),
    };

    private async Task WriteAsync()
    {
        var batch = new ReadingBatch(2);
        var horizon = await _expected.ReadRawHorizonAsync(_token);
        var back = Pick(1, 24, 24 * 6, 24 * 6, 24 * 30, 24 * 365 * 20);
        for (var i = _random.Next(1, 16); i > 0; i--)
        {
            var time = Now - TimeSpan.FromMinutes(_random.Next(-60, back * 60) / 5 * 5) + TimeSpan.FromMicroseconds(Pick(0, 0, 0, 1, -1));
            if (horizon is null || time >= horizon || Chance(0.005))
            {
                batch.Add(Pick(Sensors), time, [Value(), Value()]);
            }
        }

        var rows = Enumerable.Range(0, batch.Count).Select(row => batch[row]).Select(
            r => string.Create(CultureInfo.InvariantCulture, $"{r.SensorId}@{r.Time}={r.Values[0]};{r.Values[1]}"));
        _log.Add($"write {string.Join(" ", rows)}");
        await BothAsync(store => store.WriteAsync(batch, _token));
    }

    private async Task RefreshAsync()
    {
        var aggregate = Pick([.. _settings.Schema.Aggregates]).Name;
        var range = Chance(0.5) ? RandomRange() : (TimeRange?)null;
        _log.Add($"refresh {aggregate} {range}");
        await BothAsync(async store => string.Join(
            "; ",
            (await store.PlanRefreshAsync(aggregate, range, _token)).Select(p => $"plan {p.Aggregate} {p.New} {p.InvalidBuckets}")));
        await BothAsync(async store => string.Join(
            "; ",
            (await store.RefreshAsync(aggregate, range, null, _token)).Select(r => $"{r.Aggregate} {r.RowsWritten} {r.Watermark}")));
    }

    private async Task CompressAsync()
    {
        _log.Add("compress");
        if (!_fixture.SharesChunks)
        {
            await BothAsync(async store => (await store.CompressAsync(null, _token)).Chunks);
            return;
        }

        // Of intervals that share a chunk all count as written when one was; then all of them are due again.
        await _expected.CompressAsync(null, _token);
        await _actual.CompressAsync(null, _token);
        await CompareStatusAsync(compressed: true);
    }

    private async Task RetainAsync()
    {
        _log.Add("retain");
        await BothAsync(store => store.RetainAsync(_token));
    }

    private Task PassTimeAsync()
    {
        var span = TimeSpan.FromMinutes(Pick(20, 60 * 5, 60 * 24 * 3, 60 * 24 * 12));
        _log.Add($"pass {span}");
        Advance(span);
        return Task.CompletedTask;
    }

    /// <summary>Some of the aggregates, each with its sources: the others are taken away, or not there yet.</summary>
    private StoreSettings SomeAggregates()
    {
        var kept = new HashSet<AggregateDefinition>();
        foreach (var aggregate in _all.Schema.Aggregates.Where(_ => Chance(0.6)).DefaultIfEmpty(_all.Schema.Aggregates[0]))
        {
            for (var a = aggregate; a is not null; a = a.Source)
            {
                kept.Add(a);
            }
        }

        return _all with { Schema = new TelemetrySchema(_all.Schema.Metrics, [.. _all.Schema.Aggregates.Where(kept.Contains)]) };
    }

    private async Task OpenAsync(StoreSettings settings)
    {
        _settings = settings;
        _log.Add($"open with {string.Join(", ", settings.Schema.Aggregates)}");
        _expected = await _reference.OpenAsync(_settings, _token);
        _actual = await _fixture.OpenAsync(_settings, _token);
    }

    /// <summary>After each step every kind of read, of an aggregate and a sensor drawn anew; at the end of them all.</summary>
    private async Task CompareAsync(bool everything)
    {
        var (range, sensors, aggregates) = (RandomRange(), await _expected.ListSensorsAsync(_token), _settings.Schema.Aggregates);
        var sensor = sensors.Count == 0 ? "nobody" : Pick([.. sensors]).SensorId;
        await BothAsync(async store => string.Join("; ", await store.ListSensorsAsync(_token)));
        await BothAsync(store => store.ReadRawHorizonAsync(_token));
        await BothAsync(async store => Text([await store.ReadCurrentAsync(sensor, _token)]));
        await BothAsync(async store => Text(await store.RawAsync(sensor, everything ? TimeRange.All : range, _token)));
        if (everything || Chance(0.2))
        {
            await CompareStatusAsync(compressed: false);
        }

        foreach (var aggregate in everything ? aggregates : [Pick([.. aggregates])])
        {
            await CompareAsync(aggregate, new AggregateQuery(aggregate.Name, null, TimeRange.All));
            await CompareAsync(aggregate, new AggregateQuery(aggregate.Name, sensor, range, FromRaw: !everything && Chance(0.2)));
            if (everything || Chance(0.3))
            {
                await CompareAsync(aggregate, new AggregateQuery(aggregate.Name, null, range, FromRaw: true));
                await CompareFleetAsync(
                    new FleetQuery(aggregate.Name, Pick("temperature", "humidity"), Chance(0.5) ? TimeRange.All : range, Chance(0.3)));
            }
        }

        if (everything)
        {
            await BothAsync(async store => Text(
                (await store.RawAsync(null, TimeRange.All, _token)).OrderBy(r => r.Time).ThenBy(r => r.SensorId, StringComparer.Ordinal)));
            await BothAsync(async store => Text(await store.VerifyAsync(null, null, _token)));
        }
    }

    private async Task CompareAsync(AggregateDefinition aggregate, AggregateQuery query)
    {
        var (expected, expectedError) = await TryAsync(() => _expected.AnswerAsync(query, _token));
        var (actual, actualError) = await TryAsync(() => _actual.AnswerAsync(query, _token));
        Answers++;
        Assert.Equal(expectedError, actualError);
        if (expected is null || actual is null)
        {
            return;
        }

        if (Comparison.Difference(aggregate, expected.Rows, actual.Rows) is { } difference)
        {
            Assert.Fail($"{query}: {difference}");
        }

        Assert.True((expected.Watermark, expected.Pending) == (actual.Watermark, actual.Pending), $"{query}: {expected} but {actual}");
        Assert.True(
            query.SensorId is null || actual.Rows.Zip(actual.Rows.Skip(1)).All(pair => pair.First.Bucket < pair.Second.Bucket),
            $"{query}: not ascending");
    }

    private async Task CompareFleetAsync(FleetQuery query)
    {
        var (expected, actual) = (await _expected.ReadFleetAsync(query, _token), await _actual.ReadFleetAsync(query, _token));
        Answers++;
        Assert.True(
            expected.Count == actual.Count
                && expected.Zip(actual).All(p => p.First.Bucket == p.Second.Bucket && p.First.ReadingCount == p.Second.ReadingCount
                    && Comparison.IsClose(p.First.Average ?? double.NaN, p.Second.Average ?? double.NaN)),
            $"{query}: {string.Join("; ", expected)} but {string.Join("; ", actual)}");
    }

    /// <summary>The same aggregates, the same readings in chunks of whole intervals, compressed only where the reference's are.</summary>
    /// <param name="compressed">And everywhere where they are.</param>
    private async Task CompareStatusAsync(bool compressed)
    {
        Answers++;
        var (expected, actual) = (await _expected.ReadStatusAsync(_token), await _actual.ReadStatusAsync(_token));
        Assert.Equal(Text(expected), Text(actual));
        if (!_fixture.SharesChunks)
        {
            Assert.Equal(Chunks(expected), Chunks(actual));
            return;
        }

        Assert.All(actual.Chunks.Zip(actual.Chunks.Skip(1)), pair => Assert.True(pair.First.Range.To <= pair.Second.Range.From));
        Assert.Equal(expected.Chunks.Sum(c => c.Rows), actual.Chunks.Sum(c => c.Rows));
        foreach (var chunk in actual.Chunks)
        {
            var intervals = expected.Chunks.Where(c => c.Range.Intersect(chunk.Range) == c.Range).ToList();
            Assert.Equal(intervals.Sum(c => c.Rows), chunk.Rows);
            Assert.True(
                chunk.Compressed ? intervals.All(c => c.Compressed) : !compressed || !intervals.Any(c => c.Compressed),
                $"{chunk}, but {string.Join("; ", intervals)}");
        }
    }

    /// <summary>Both give the same result, or fail with the same error.</summary>
    private async Task BothAsync<T>(Func<ITelemetryStore, Task<T>> call)
    {
        Answers++;
        Assert.Equal(await TryAsync(() => call(_expected)), await TryAsync(() => call(_actual)));
    }

    private static async Task<(T? Result, StoreErrorKind? Error)> TryAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return (await call(), null);
        }
        catch (StoreException e)
        {
            return (default, e.Kind);
        }
    }

    private static string Text(VerifyReport report)
        => $"{report.BucketsChecked} {report.BucketsPending} {string.Join("; ", report.Differences)}";

    private static string Text(StoreStatus status)
        => string.Join("; ", status.Aggregates.Select(a => $"{a.Name} {a.Rows} {a.Watermark} {a.PendingInvalidations}"));

    private static IEnumerable<(TimeRange, long, bool)> Chunks(StoreStatus status)
        => status.Chunks.Select(c => (c.Range, c.Rows, c.Compressed));

    private static string Text(IEnumerable<Reading> readings)
        => string.Join(
            " ",
            readings.Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.SensorId}@{r.Time}={r.Values[0]:R};{r.Values[1]:R}")));

    private Instant Now => Instant.From(_reference.Clock.GetUtcNow());

    private void Advance(TimeSpan span)
    {
        _fixture.Clock.Advance(span);
        _reference.Clock.SetUtcNow(_fixture.Clock.GetUtcNow());
    }

    private TimeRange RandomRange()
    {
        var from = Now - TimeSpan.FromMinutes(_random.Next(-60, 60 * 24 * 30));
        return new TimeRange(from, from + TimeSpan.FromMinutes(_random.Next(1, 60 * Pick(2, 48, 24 * 20))));
    }

    private double Value() => Pick(0, 1, 2, 3) switch
    {
        0 => double.NaN,
        1 => _random.Next(-3, 4),
        _ => Math.Round(_random.NextDouble() * 100, 2),
    };

    private bool Chance(double share) => _random.NextDouble() < share;

    private T Pick<T>(params ReadOnlySpan<T> choices) => choices[_random.Next(choices.Length)];
}
