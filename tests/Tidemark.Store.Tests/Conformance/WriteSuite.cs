namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clauses 2 and 3: durable batches, identity of sensor and time, last wins.</summary>
public abstract class WriteSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    [Fact]
    public async Task New_readings_are_counted_as_written_and_can_be_read()
    {
        Assert.Equal(new WriteResult(2, 0, 0), await WriteAsync(At("2026-03-10T10:00Z", 1, 2), At("2026-03-10T10:01Z", 3, 4)));
        var readings = await RawAsync("a");
        Assert.Equal([At("2026-03-10T10:00Z"), At("2026-03-10T10:01Z")], readings.Select(r => r.Time));
        Assert.Equal([1, 2], readings[0].Values);
        Assert.Equal([3, 4], readings[1].Values);
    }

    [Fact]
    public async Task An_empty_batch_changes_nothing()
    {
        Assert.Equal(default, await WriteAsync());
        Assert.Empty(await Store.SensorsAsync(Token));
    }

    [Fact]
    public async Task The_same_reading_again_changes_nothing_nulls_included()
    {
        Reading[] readings = [At("2026-03-10T10:00Z", 1, null), At("2026-03-10T10:01Z", null, null)];
        await WriteAsync(readings);
        Assert.Equal(new WriteResult(0, 0, 2), await WriteAsync(readings));
        Assert.Equal(2, (await RawAsync()).Count);
    }

    [Fact]
    public async Task Zero_and_minus_zero_are_two_values()
    {
        await WriteAsync(At("2026-03-10T10:00Z", 0, 1));
        Assert.Equal(new WriteResult(0, 1, 0), await WriteAsync(At("2026-03-10T10:00Z", -0.0, 1)));
        Assert.Equal(new WriteResult(0, 0, 1), await WriteAsync(At("2026-03-10T10:00Z", -0.0, 1)));
        Assert.True(double.IsNegative(Assert.Single(await RawAsync()).Values[0]));
        Assert.Equal(new WriteResult(0, 1, 0), await WriteAsync(At("2026-03-10T10:00Z", 0, 1)));
    }

    [Fact]
    public async Task Other_values_replace_the_whole_reading_nulls_included()
    {
        await WriteAsync(At("2026-03-10T10:00Z", 1, 2));
        Assert.Equal(new WriteResult(0, 1, 0), await WriteAsync(At("2026-03-10T10:00Z", null, 3)));
        HasValues(Assert.Single(await RawAsync()).Values, double.NaN, 3);
    }

    [Fact]
    public async Task A_value_replaces_a_null()
    {
        await WriteAsync(At("2026-03-10T10:00Z", 1, null));
        Assert.Equal(new WriteResult(0, 1, 0), await WriteAsync(At("2026-03-10T10:00Z", 1, 2)));
        HasValues(Assert.Single(await RawAsync()).Values, 1, 2);
    }

    [Fact]
    public async Task The_last_of_a_batch_wins_and_counts_once()
    {
        Assert.Equal(
            new WriteResult(1, 0, 0),
            await WriteAsync(At("2026-03-10T10:00Z", 1), At("2026-03-10T10:00Z", 2), At("2026-03-10T10:00Z", 3)));
        Assert.Equal(3, Assert.Single(await RawAsync()).Values[0]);
    }

    [Fact]
    public async Task A_batch_that_ends_on_the_stored_values_leaves_them_unchanged()
    {
        await WriteAsync(At("2026-03-10T10:00Z", 1));
        Assert.Equal(new WriteResult(0, 0, 1), await WriteAsync(At("2026-03-10T10:00Z", 2), At("2026-03-10T10:00Z", 1)));
        Assert.Equal(1, Assert.Single(await RawAsync()).Values[0]);
    }

    [Fact]
    public async Task Across_batches_the_last_committed_wins()
    {
        await WriteAsync(At("2026-03-10T10:00Z", 1));
        await WriteAsync(At("2026-03-10T10:00Z", 2));
        await WriteAsync(At("2026-03-10T10:00Z", 1));
        Assert.Equal(1, Assert.Single(await RawAsync()).Values[0]);
    }

    [Fact]
    public async Task One_batch_may_write_replace_and_leave_unchanged()
    {
        await WriteAsync(At("2026-03-10T10:00Z", 1), At("2026-03-10T10:01Z", 1));
        Assert.Equal(
            new WriteResult(1, 1, 1),
            await WriteAsync(At("2026-03-10T10:00Z", 1), At("2026-03-10T10:01Z", 2), At("2026-03-10T10:02Z", 3)));
    }

    [Fact]
    public async Task Sensors_at_one_instant_are_apart()
    {
        await WriteAsync(
            At("2026-03-10T10:00Z", 1, sensor: "a"),
            At("2026-03-10T10:00Z", 2, sensor: "b"),
            At("2026-03-10T10:00Z", 3, sensor: "A"));
        Assert.Equal([3, 1, 2], (await RawAsync()).OrderBy(r => r.SensorId, StringComparer.Ordinal).Select(r => r.Values[0]));
    }

    [Fact]
    public async Task One_batch_may_span_months_in_any_order()
    {
        await WriteAsync(At("2026-03-01T00:00Z", 3), At("2025-12-31T23:59Z", 1), At("2026-02-01T00:00Z", 2));
        Assert.Equal([1, 2, 3], (await RawAsync("a")).Select(r => r.Values[0]));
    }

    [Fact]
    public async Task A_batch_may_be_filled_again_once_it_is_written()
    {
        var batch = Batch(At("2026-03-10T10:00Z", 1));
        await Store.WriteAsync(batch, Token);
        batch.Clear();
        batch.Add(At("2026-03-10T10:01Z", 2, sensor: "b"));
        await Store.WriteAsync(batch, Token);
        Assert.Equal([1, 2], (await RawAsync()).OrderBy(r => r.Time).Select(r => r.Values[0]));
    }

    [Fact]
    public async Task Extreme_doubles_come_back_bit_by_bit()
    {
        double[] values = [double.MaxValue, double.MinValue, double.Epsilon, -0.0, 0.1 + 0.2, 1e-300];
        await WriteAsync(values.Select((v, i) => new Reading(At("2026-03-10T10:00Z") + TimeSpan.FromSeconds(i), "a", [v, double.NaN])));
        Assert.Equal(values, (await RawAsync("a")).Select(r => r.Values[0]));
    }

    [Fact]
    public async Task A_cancelled_write_leaves_nothing()
    {
        var cancelled = new CancellationToken(canceled: true);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.WriteAsync(Batch(At("2026-03-10T10:00Z", 1)), cancelled));
        Assert.Empty(await RawAsync());
        Assert.Equal(new WriteResult(1, 0, 0), await WriteAsync(At("2026-03-10T10:00Z", 1)));
    }

    /// <summary>Small writes that wait for the same commit: some are of readings that others of them bring.</summary>
    [Fact]
    public async Task Small_writes_at_once_see_each_other()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 400).Select(async writer =>
        {
            var batch = new ReadingBatch(writer % 2 == 0 ? ["temperature"] : ["humidity"]) { Mode = WriteMode.Merge };
            batch.Add($"s{writer % 20 / 2}", At("2026-03-10T10:00Z") + TimeSpan.FromMinutes(writer / 100), [writer / 100]);
            return await Store.WriteAsync(batch, Token);
        }));
        Assert.Equal((40, 40, 320), (results.Sum(r => r.Written), results.Sum(r => r.Replaced), results.Sum(r => r.Unchanged)));
        for (var sensor = 0; sensor < 10; sensor++)
        {
            var rows = await RawAsync($"s{sensor}");
            Assert.Equal([0, 1, 2, 3], rows.Select(r => r.Values[0]));
            Assert.Equal([0, 1, 2, 3], rows.Select(r => r.Values[1]));
        }
    }

    [Fact]
    public async Task Writes_at_once_all_arrive()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(writer => Task.Run(
            () => WriteAsync(Enumerable.Range(0, 50)
                .Select(i => new Reading(At("2026-03-10T10:00Z") + TimeSpan.FromSeconds(i), $"s{writer % 4}", [writer, i]))), Token)));
        var total = results.Aggregate((a, b) => a + b);
        Assert.Equal((200, 1000), (total.Written, total.Written + total.Replaced + total.Unchanged));

        // Whole batches win or lose: a sensor's readings all come from one writer, since all wrote the same instants.
        var readings = await RawAsync();
        Assert.Equal(200, readings.Count);
        Assert.All(readings.GroupBy(r => r.SensorId), sensor => Assert.Single(sensor.Select(r => r.Values[0]).Distinct()));
    }

    [Fact]
    public async Task New_sensors_beyond_the_limit_are_refused_one_by_one_and_known_ones_go_on()
    {
        await OpenAsync(Settings with { MaxSensors = 2 });
        await WriteAsync(At("2026-03-10T10:00Z", 1, sensor: "z"));
        var result = await WriteAsync(
            At("2026-03-10T10:01Z", 2, sensor: "z"),
            At("2026-03-10T10:01Z", 3, sensor: "c"),
            At("2026-03-10T10:01Z", 4, sensor: "b"),
            At("2026-03-10T10:02Z", 5, sensor: "c"),
            At("2026-03-10T10:02Z", 6, sensor: "b"),
            At("2026-03-10T10:01Z", 7, sensor: "a"));
        Assert.Equal((3, 0, 0, 3), (result.Written, result.Replaced, result.Unchanged, result.Refused));
        Assert.Equal([2, 4, 5], result.Refusals!.Select(r => r.Row));
        Assert.All(result.Refusals!, r => Assert.Contains("max_sensors", r.Error, StringComparison.Ordinal));
        Assert.Equal([1, 2, 3, 5], (await RawAsync()).Select(r => r.Values[0]).Order());

        Assert.Equal(1, (await WriteAsync(At("2026-03-10T10:03Z", 8, sensor: "b"))).Refused);
        Assert.Equal(
            new WriteResult(0, 1, 1),
            await WriteAsync(At("2026-03-10T10:02Z", 5, sensor: "c"), At("2026-03-10T10:01Z", 9, sensor: "z")));
        Assert.Equal(["c", "z"], (await Store.SensorsAsync(Token)).Select(s => s.SensorId));
        await VerifyIsCleanAsync();

        await OpenAsync(Settings with { MaxSensors = 3 });
        Assert.Equal(new WriteResult(1, 0, 0), await WriteAsync(At("2026-03-10T10:03Z", 8, sensor: "b")));
        Assert.Equal(1, (await WriteAsync(At("2026-03-10T10:03Z", 8, sensor: "a"))).Refused);
    }

    [Fact]
    public async Task New_sensors_of_writes_at_once_never_pass_the_limit()
    {
        await OpenAsync(Settings with { MaxSensors = 30 });
        var results = await Task.WhenAll(Enumerable.Range(0, 10).Select(writer => Task.Run(
            () => WriteAsync(Enumerable.Range(0, 7).Select(i => At("2026-03-10T10:00Z", i, sensor: $"s{writer}-{i}"))), Token)));
        Assert.Equal((30, 40), (results.Sum(r => r.Written), results.Sum(r => r.Refused)));
        Assert.Equal(30, (await Store.SensorsAsync(Token)).Count);
    }

    [Theory]
    [InlineData("it's"),
        InlineData("a/b"),
        InlineData("50%"),
        InlineData("a%2Fb"),
        InlineData("..."),
        InlineData("Grünstraße 5 – Küche"),
        InlineData("温度計"),
        InlineData("🌡️"),
        InlineData("a b"),
        InlineData("?x=1&y#z"),
        InlineData("\"; DROP TABLE sensor_data; --"),
        InlineData("e\u0301")]
    public async Task Any_valid_id_is_kept_as_it_is(string sensor)
    {
        Assert.Null(SensorId.Check(sensor));
        await WriteAsync(At("2026-03-01T10:00Z", 1, sensor: sensor), At("2026-03-01T10:00Z", 2, sensor: "other"));
        await RefreshAllAsync();
        Assert.Equal(1, Assert.Single(await RawAsync(sensor)).Values[0]);
        Assert.Equal(1, (await Store.CurrentAsync(sensor, Token)).Values[0]);
        Assert.Equal(sensor, Assert.Single((await AnswerAsync("daily", sensor)).Rows).SensorId);
        Assert.Contains(sensor, (await Store.SensorsAsync(Token)).Select(s => s.SensorId));
    }

    [Fact]
    public async Task Fifty_code_points_are_kept_whole()
    {
        var sensor = string.Concat(Enumerable.Repeat("🌡", 50));
        await WriteAsync(At("2026-03-10T10:00Z", 1, sensor: sensor));
        Assert.Equal(sensor, Assert.Single(await RawAsync(sensor)).SensorId);
    }
}
