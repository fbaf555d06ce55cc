namespace Tidemark.Store.Tests.Conformance;

/// <summary>One sequence: a function of its seed.</summary>
internal sealed partial class RandomSequence
{
    private static readonly Instant Begin = Instant.Utc(2026, 2, 20, 6);
    private static readonly string[] Sensors = ["a", "b/%", "ü"];
    private static readonly string[] Names = ["temperature", "humidity", "wind", "pressure", "power", "co2"];

    private readonly int _seed;
    private readonly Random _random;
    private readonly IStoreFixture _fixture;
    private readonly CancellationToken _token;
    private readonly ReferenceFixture _reference = new();
    private readonly AggregateEntry[] _entries;
    private readonly StoreSettings _all;
    private StoreSettings _settings;
    private readonly List<string> _log = [];
    private ITelemetryStore _expected = null!;
    private ITelemetryStore _actual = null!;

    public RandomSequence(int seed, IStoreFixture fixture, CancellationToken token)
    {
        (_seed, _random, _fixture, _token) = (seed, new Random(seed), fixture, token);
        _entries = RandomAggregates();
        _all = RandomSettings();
        _settings = _all;
        _settings = Chance(0.3) ? Other() : _all;
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

    private AggregateEntry[] RandomAggregates()
    {
        TimeSpan? retention = Chance(0.3) ? TimeSpan.FromDays(_random.Next(6, 15)) : null;
        return Chance(0.5)
            ? [.. TestSchema.Chain(retention)]
            :
            [
                new("quarters", "15 minutes"), new("shift", "8 hours", "quarters", retention), new("weekly", "7 days", "shift"),
                new("peak_hours", "1 day", Columns: TestSchema.PeakColumns),
            ];
    }

    private StoreSettings RandomSettings()
    {
        var settings = new StoreSettings
        {
            Schema = TestSchema.Create([TestSchema.Temperature, TestSchema.Humidity], _entries),
            ChunkInterval = TimeSpan.FromHours(Pick(24, 60, 168, 168)),
            CompressAfter = Chance(0.8) ? TimeSpan.FromDays(_random.Next(1, 8)) : null,
            Retention = Chance(0.6) ? TimeSpan.FromDays(_random.Next(4, 20)) : null,
            RealTime = Chance(0.85),
            ChunkOrigin = _fixture.ChunkOrigin,
            NewMetrics = Chance(0.1) ? NewMetrics.Refuse : NewMetrics.Add,
            MaxMetrics = Pick(200, 200, 5),
        };
        var aggregates = string.Join(", ", _entries.Select(e => $"{e.Name} {e.Bucket} {e.Retention}"));
        _log.Add(
            $"aggregates {aggregates}; chunks {settings.ChunkInterval}, compress {settings.CompressAfter}, retention {settings.Retention}, "
            + $"tail {settings.RealTime}, new metrics {settings.NewMetrics}, {settings.MaxMetrics}");
        return settings;
    }

    private Task StepAsync() => _random.Next(20) switch
    {
        < 8 => WriteAsync(),
        < 12 => RefreshAsync(),
        < 14 => CompressAsync(),
        < 16 => RetainAsync(),
        < 17 => OpenAsync(Chance(0.3) ? _settings : Other()),
        < 18 => RemoveMetricAsync(),
        _ => PassTimeAsync(),
    };

    private async Task WriteAsync()
    {
        string[] metrics = [.. Names.Where(_ => Chance(0.6)).DefaultIfEmpty(Names[0]).OrderBy(_ => _random.Next())];
        var batch = new ReadingBatch(metrics) { Mode = Chance(0.3) ? WriteMode.Merge : WriteMode.Replace };
        var horizon = await _expected.ReadRawHorizonAsync(_token);
        var back = Pick(1, 24, 24 * 6, 24 * 6, 24 * 30, 24 * 365 * 20);
        for (var i = _random.Next(1, 16); i > 0; i--)
        {
            var time = Now - TimeSpan.FromMinutes(_random.Next(-60, back * 60) / 5 * 5) + TimeSpan.FromMicroseconds(Pick(0, 0, 0, 1, -1));
            if (horizon is null || time >= horizon || Chance(0.005))
            {
                batch.Add(Pick(Sensors), time, [.. metrics.Select(_ => Value())]);
            }
        }

        _log.Add($"{batch.Mode} {string.Join(',', metrics)} {Text(Enumerable.Range(0, batch.Count).Select(row => batch[row]))}");
        await BothAsync(async store => Text(await store.WriteAsync(batch, _token)));
    }

    private async Task RemoveMetricAsync()
    {
        var name = Pick(Names);
        _log.Add($"remove {name}");
        await BothAsync(async store =>
        {
            await store.RemoveMetricAsync(name, _token);
            return name;
        });
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

    /// <summary>Clocks are put back, too.</summary>
    private Task PassTimeAsync()
    {
        var span = TimeSpan.FromMinutes(Pick(20, 60 * 5, 60 * 24 * 3, 60 * 24 * 12, -20, -60 * 30));
        _log.Add($"pass {span}");
        Advance(span);
        return Task.CompletedTask;
    }

    /// <summary>
    /// Some of the aggregates, each with its sources: the others are taken away, or not there yet. And other metrics: those that are there
    /// in another order, one more, or one less.
    /// </summary>
    private StoreSettings Other()
    {
        var kept = new HashSet<string>();
        foreach (var aggregate in _all.Schema.Aggregates.Where(_ => Chance(0.6)).DefaultIfEmpty(_all.Schema.Aggregates[0]))
        {
            for (var a = aggregate; a is not null; a = a.Source)
            {
                kept.Add(a.Name);
            }
        }

        // The extra columns are computed from the first.
        var configured = _settings.Schema.Metrics;
        Metric[] others = [.. Chance(0.5) ? configured.Skip(1) : configured.Skip(1).Reverse()];
        others = Pick(0, 0, 0, 0, 1, 2) switch
        {
            1 when others.Length > 0 => others[..^1],
            2 when others.Length < 3 => [.. others, TestSchema.Metric(others.Length == 2 ? "wind" : "pressure")],
            _ => others,
        };
        return _all with { Schema = TestSchema.Create([configured[0], .. others], _entries.Where(e => kept.Contains(e.Name))) };
    }

    private IReadOnlyList<Metric> Metrics => _expected.Schema.Metrics;

    /// <summary>What is refused leaves the store as it was.</summary>
    private async Task OpenAsync(StoreSettings settings)
    {
        var metrics = string.Join(", ", settings.Schema.Metrics.Select(m => m.Name));
        _log.Add($"open with {string.Join(", ", settings.Schema.Aggregates)}; {metrics}");
        var (expected, actual) = (await TryOpenAsync(_reference, settings), await TryOpenAsync(_fixture, settings));
        Assert.True(expected is null == actual is null, $"the reference {(expected is null ? "refuses" : "takes")} this schema");
        if (expected is null || actual is null)
        {
            await OpenAsync(_settings);
            return;
        }

        (_expected, _actual, _settings) = (expected, actual, settings);
    }

    /// <returns>Null when the schema is refused.</returns>
    private async Task<ITelemetryStore?> TryOpenAsync(IStoreFixture fixture, StoreSettings settings)
    {
        try
        {
            return await fixture.OpenAsync(settings, _token);
        }
        catch (StoreException e) when (e.Kind == StoreErrorKind.SchemaMismatch)
        {
            return null;
        }
    }

    private Instant Now => Instant.From(_reference.Clock.GetUtcNow());

    private void Advance(TimeSpan span)
    {
        _fixture.Clock.AdjustTime(_fixture.Clock.GetUtcNow() + span);
        _reference.Clock.AdjustTime(_fixture.Clock.GetUtcNow());
    }

    private TimeRange RandomRange()
    {
        if (Chance(0.1))
        {
            // The ends of time.
            return Pick(
                new TimeRange(Instant.MinValue, Now),
                new TimeRange(Now, Instant.MaxValue),
                new TimeRange(Instant.MinValue, Instant.MinValue + TimeSpan.FromDays(1)),
                new TimeRange(Instant.MaxValue - TimeSpan.FromHours(1), Instant.MaxValue),
                TimeRange.All);
        }

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
