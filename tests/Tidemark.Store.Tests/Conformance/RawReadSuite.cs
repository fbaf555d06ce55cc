namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 11 and the decisions on sensors: streams from one snapshot, the last reading, the list.</summary>
public abstract class RawReadSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    private const int Many = 120_000;

    [Fact]
    public async Task One_sensors_readings_ascend_and_keep_to_the_range()
    {
        await WriteAsync(
            At("2026-03-10T10:00Z", 3),
            At("2026-03-08T10:00Z", 1),
            At("2026-03-09T10:00Z", 2),
            At("2026-03-09T10:00Z", 9, sensor: "b"));
        await WriteAsync(At("2026-03-08T09:00Z", 0));
        Assert.Equal([0, 1, 2, 3], (await RawAsync("a")).Select(r => r.Values[0]));
        Assert.Equal([1, 2], (await RawAsync("a", Range("2026-03-08T10:00Z", "2026-03-10T10:00Z"))).Select(r => r.Values[0]));
        Assert.Empty(await RawAsync("a", Range("2026-03-10T10:00Z", "2026-03-10T10:00Z")));
    }

    [Fact]
    public async Task All_sensors_are_read_at_once()
    {
        await WriteAsync(At("2026-03-10T10:00Z", 1), At("2026-03-09T10:00Z", 2, sensor: "b"), At("2026-03-08T10:00Z", 3, sensor: "c"));
        Assert.Equal(
            [(1, "a"), (2, "b")],
            (await RawAsync(null, Range("2026-03-09", "2026-03-11"))).Select(r => ((int)r.Values[0], r.SensorId)).Order());
    }

    [Fact]
    public async Task An_unknown_sensor_is_named_before_the_first_batch()
    {
        await WriteAsync(At("2026-03-10T10:00Z", 1));
        var error = await Assert.ThrowsAsync<StoreException>(() => RawAsync("it's"));
        Assert.Equal((StoreErrorKind.UnknownSensor, "there is no sensor 'it's'"), (error.Kind, error.Message));
        Assert.Equal(StoreErrorKind.UnknownSensor, await FailsAsync(() => Store.CurrentAsync("nobody", Token)));
    }

    [Fact]
    public async Task The_current_reading_is_the_last_by_event_time_whatever_came_last()
    {
        await WriteAsync(At("2026-03-10T10:00Z", 1, null));
        await WriteAsync(At("2026-03-09T10:00Z", 2));
        var current = await Store.CurrentAsync("a", Token);
        Assert.Equal((At("2026-03-10T10:00Z"), "a"), (current.Time, current.SensorId));
        Assert.Equal([1, double.NaN], current.Values);
        await WriteAsync(At("2026-03-10T10:00Z", 5, 6));
        HasValues((await Store.CurrentAsync("a", Token)).Values, 5, 6);
        await WriteAsync(At("2026-03-10T10:00:00.000001Z", 7));
        Assert.Equal(7, (await Store.CurrentAsync("a", Token)).Values[0]);
    }

    [Fact]
    public async Task The_current_readings_of_all_sensors_come_at_once_in_the_order_of_code_points()
    {
        Assert.Empty(await Store.AllCurrentAsync(Token));
        await WriteAsync(new[] { "b", "a", "B", "Ａ", "🌡" }.Select((sensor, i) => At("2026-03-09T10:00Z", i, sensor: sensor)));
        await WriteAsync(At("2026-03-10T10:00Z", 7, 8), At("2026-03-08T10:00Z", 9, sensor: "b"));
        var all = await Store.AllCurrentAsync(Token);
        Assert.Equal(["B", "a", "b", "Ａ", "🌡"], all.Select(s => s.SensorId));
        Assert.Equal(At("2026-03-10T10:00Z"), all[1].Time);
        Assert.Equal((7, 8), (all[1].Values["temperature"], all[1].Values["humidity"]));
        Assert.Equal((At("2026-03-09T10:00Z"), 0, double.NaN), (all[2].Time, all[2].Values["temperature"], all[2].Values["humidity"]));
    }

    [Fact]
    public async Task The_current_readings_of_very_many_sensors_are_those_of_each()
    {
        await WriteAsync(Enumerable.Range(0, 20_000).Select(i => At("2026-03-09T10:00Z", i, sensor: $"s{i:00000}")));
        var all = await Store.AllCurrentAsync(Token);
        Assert.Equal(
            Enumerable.Range(0, 20_000).Select(i => ($"s{i:00000}", (double)i)),
            all.Select(s => (s.SensorId, s.Values["temperature"])));
        await WriteAsync(At("2026-03-10T10:00Z", 1, 1, sensor: "s00007"), At("2026-03-10T10:00Z", 2, sensor: "r"));
        all = await Store.AllCurrentAsync(Token);
        Assert.Equal(("r", 2, 20_001), (all[0].SensorId, all[0].Values["temperature"], all.Count));
        Assert.Equal(At("2026-03-10T10:00Z"), all[8].Time);
    }

    [Fact]
    public async Task Sensors_are_listed_in_the_order_of_code_points_with_their_last_reading_and_count()
    {
        // By UTF-16 unit 🌡 comes before Ａ, by code point after it.
        await WriteAsync(new[] { "b", "a", "B", "ä", "Ａ", "🌡" }.Select((sensor, i) => At("2026-03-09T10:00Z", i, sensor: sensor)));
        await WriteAsync(At("2026-03-09T10:30Z", 1), At("2026-03-08T10:30Z", 1));
        var sensors = await Store.SensorsAsync(Token);
        Assert.Equal(["B", "a", "b", "ä", "Ａ", "🌡"], sensors.Select(s => s.SensorId));
        Assert.Equal(new SensorInfo("a", At("2026-03-09T10:30Z"), 3), sensors[1]);
    }

    /// <summary>What was opened is answered, whatever is written meanwhile.</summary>
    [Fact]
    public async Task Sensors_and_the_fleet_are_read_from_one_snapshot()
    {
        await WriteAsync(Enumerable.Range(0, 300).Select(i => At("2026-03-09T10:00Z", i, sensor: $"s{i:000}")));
        await WriteAsync(Enumerable.Range(0, 9000).Select(i => new Reading(At("2020-01-01Z") + TimeSpan.FromHours(i), "t", [i, i])));
        await using var sensors = Store.ReadSensorsAsync(Token).GetAsyncEnumerator(Token);
        await using var fleet = Store.ReadFleetAsync(new FleetQuery("hourly", "humidity", TimeRange.All), Token).GetAsyncEnumerator(Token);
        Assert.True(await sensors.MoveNextAsync());
        Assert.True(await fleet.MoveNextAsync());
        await WriteAsync(At("2026-03-10T10:00Z", 1, 1, sensor: "zzz"), At("2026-03-09T10:30Z", 1, 1, sensor: "s299"));
        var (count, points, last, lastPoint) = (1, 1, sensors.Current, fleet.Current);
        for (; await sensors.MoveNextAsync(); last = sensors.Current)
        {
            Assert.True(SensorId.Order.Compare(last.SensorId, sensors.Current.SensorId) < 0);
            count++;
        }

        for (; await fleet.MoveNextAsync(); lastPoint = fleet.Current)
        {
            Assert.True(lastPoint.Bucket < fleet.Current.Bucket);
            points++;
        }

        Assert.Equal((301, new SensorInfo("t", At("2020-01-01Z") + TimeSpan.FromHours(8999), 9000)), (count, last));
        Assert.Equal((9001, new FleetPoint(At("2026-03-09T10:00Z"), null, 300)), (points, lastPoint));
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task What_cannot_be_asked_of_the_fleet_is_refused_at_its_first_point(bool metric)
    {
        var query = metric ? new FleetQuery("hourly", "pressure", TimeRange.All) : new FleetQuery("weekly", "humidity", TimeRange.All);
        Assert.Equal(
            metric ? StoreErrorKind.Invalid : StoreErrorKind.UnknownAggregate,
            await FailsAsync(async () => await Store.FleetAsync(query, Token)));
    }

    [Fact]
    public async Task Total_readings_are_those_of_the_finest_aggregate_with_its_tail()
    {
        await WriteAsync(At("2026-03-08T10:00Z", 1), At("2026-03-09T10:00Z", null));
        Assert.Equal(2, (await Store.SensorsAsync(Token)).Single().TotalReadings);
        await RefreshAllAsync();
        await WriteAsync(At("2026-03-08T10:30Z", 1), At("2026-03-10T10:30Z", 1));
        Assert.Equal(3, (await Store.SensorsAsync(Token)).Single().TotalReadings);
        await RefreshAllAsync();
        Assert.Equal(4, (await Store.SensorsAsync(Token)).Single().TotalReadings);
    }

    [Fact]
    public async Task A_stream_is_cancelled_between_its_batches()
    {
        await WriteManyAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var seen = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var batch in Store.ReadRawAsync(new RawQuery("a", TimeRange.All), stop.Token))
            {
                seen += batch.Count;
                await stop.CancelAsync();
            }
        });
        Assert.InRange(seen, 1, Many - 1);
        Assert.Single(await RawAsync("a", Range("2026-01-01", "2026-01-01T00:00:30Z")));
    }

    [Fact]
    public async Task An_aggregates_stream_is_cancelled_between_its_batches()
    {
        await WriteManyAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        await using var reader = await Store.ReadAggregateAsync(new AggregateQuery("hourly", null, TimeRange.All), stop.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var batch in reader.Rows.WithCancellation(stop.Token))
            {
                await stop.CancelAsync();
            }
        });
    }

    [Theory]
    [InlineData(null), InlineData("a")]
    public async Task A_slow_reader_sees_one_snapshot_and_blocks_no_writer(string? sensor)
    {
        TestLength.SkipUnlessShare();
        await WriteManyAsync();
        await using var stream = Store.ReadRawAsync(new RawQuery(sensor, TimeRange.All), Token).GetAsyncEnumerator(Token);
        Assert.True(await stream.MoveNextAsync());
        var seen = stream.Current.Count;

        // All of this finishes while the stream stands still; only a deadlock needs the bound.
        var work = Task.Run(async () =>
        {
            await WriteAsync(At("2026-03-09T10:00Z", 1), At("2026-01-01T00:00Z", 77), At("2026-02-10T00:00Z", 77));
            await RefreshAllAsync();
            await Store.CompressAsync(null, Token);
        }, Token);
        await work.WaitAsync(TimeSpan.FromMinutes(2), Token);
        while (await stream.MoveNextAsync())
        {
            seen += stream.Current.Count;
            Assert.DoesNotContain(77, stream.Current.Metric(0).ToArray());
        }

        Assert.Equal(Many, seen);
        Assert.Equal(Many + 1, (await RawAsync()).Count);
    }

    [Fact]
    public async Task A_reader_that_is_left_early_leaves_nothing_behind()
    {
        await WriteManyAsync();
        for (var i = 0; i < 20; i++)
        {
            await foreach (var _ in Store.ReadRawAsync(new RawQuery("a", TimeRange.All), Token))
            {
                break;
            }

            await using var reader = await Store.ReadAggregateAsync(new AggregateQuery("hourly", "a", TimeRange.All), Token);
        }

        await WriteAsync(At("2026-03-09T10:00Z", 1));
        Assert.Equal(1, (await Store.CurrentAsync("a", Token)).Values[0]);
    }

    [Theory]
    [InlineData("minutes", false), InlineData("minutes", true), InlineData("peaks", false), InlineData("peaks", true)]
    public async Task A_long_answer_of_an_aggregate_is_whole_and_ascends(string aggregate, bool fromRaw)
    {
        if (fromRaw == (aggregate == "minutes"))
        {
            TestLength.SkipUnlessShare();
        }

        await WriteMinutesAsync();
        var rows = (await AnswerAsync(aggregate, "a", fromRaw: fromRaw)).Rows;
        Assert.Equal(
            Minutes.Select(i => (Minute(i), 1L, i % 50.0, i % 50.0)),
            rows.Select(r => (r.Bucket, r.ReadingCount, r.Values[0], r.Values[2])));

        // However a border cuts, it cuts between two buckets.
        rows = (await AnswerAsync(aggregate, "a", new TimeRange(Minute(7) + TimeSpan.FromSeconds(1), Minute(20_007)), fromRaw)).Rows;
        Assert.Equal(Enumerable.Range(8, 19_999).Select(Minute), rows.Select(r => r.Bucket));
    }

    [Theory]
    [InlineData("minutes"), InlineData("peaks")]
    public async Task A_slow_reader_of_an_aggregate_sees_one_snapshot_and_blocks_no_writer(string aggregate)
    {
        if (aggregate == "peaks")
        {
            TestLength.SkipUnlessShare();
        }

        await WriteMinutesAsync();
        await using var reader = await Store.ReadAggregateAsync(new AggregateQuery(aggregate, "a", TimeRange.All), Token);
        await using var stream = reader.Rows.GetAsyncEnumerator(Token);
        Assert.True(await stream.MoveNextAsync());
        var seen = stream.Current.Count;
        Assert.InRange(seen, 1, Minutes.Count() - 1);
        var work = Task.Run(async () =>
        {
            await WriteAsync(new[] { 10, 12_000, 23_999 }.Select(i => new Reading(Minute(i), "a", [77, 77])));
            await RefreshAllAsync();
            await Store.CompressAsync(null, Token);
        }, Token);
        await work.WaitAsync(TimeSpan.FromMinutes(2), Token);
        while (await stream.MoveNextAsync())
        {
            seen += stream.Current.Count;
            Assert.All(Enumerable.Range(0, stream.Current.Count), row => Assert.NotEqual(77, stream.Current.Value(row, 2)));
        }

        Assert.Equal(Minutes.Count(), seen);
        Assert.Equal(3, (await AnswerAsync(aggregate, "a")).Rows.Count(r => r.Values[2] == 77));
    }

    // Some lie years before the others.
    private static IEnumerable<int> Minutes => Enumerable.Range(0, 24_000).Prepend(-1_000_000).Prepend(-3_000_000);

    private static Instant Minute(int i) => At("2026-02-01") + TimeSpan.FromMinutes(i);

    /// <summary>A reading a minute: the odd ones early, the even ones late, two thirds materialised.</summary>
    private async Task WriteMinutesAsync()
    {
        await OpenAsync(Settings with
        {
            Schema = TestSchema.Create(
                [TestSchema.Temperature, TestSchema.Humidity],
                [
                    new("minutes", "1 minute"), new("hourly", "1 hour", "minutes"),
                    new("peaks", "1 minute", Columns: TestSchema.PeakColumns),
                ]),
            ChunkInterval = TimeSpan.FromDays(7),
        });
        foreach (var odd in (int[])[1, 0])
        {
            await WriteAsync(Minutes.Where(i => Math.Abs(i) % 2 == odd).Select(i => new Reading(Minute(i), "a", [i % 50, 0.5])));
            foreach (var aggregate in Settings.Schema.Aggregates)
            {
                await RefreshAsync(aggregate.Name, new TimeRange(Instant.MinValue, Minute(16_000)));
            }
        }
    }

    private async Task WriteManyAsync()
    {
        for (var part = 0; part < 4; part++)
        {
            await WriteAsync(Enumerable.Range(part * (Many / 4), Many / 4)
                .Select(i => new Reading(At("2026-01-01") + TimeSpan.FromSeconds(30 * i), "a", [i % 50, 0.5])));
        }
    }
}
