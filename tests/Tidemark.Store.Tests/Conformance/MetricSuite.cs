namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 2: a store gains metrics with readings, and each sensor's answers have those that it sent.</summary>
public abstract class MetricSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    private static readonly string[] Configured = [.. TestSchema.Default.MetricNames];

    private Task<WriteResult> WriteAsync(string sensor, string time, params (string Metric, double Value)[] values)
    {
        var batch = new ReadingBatch([.. values.Select(v => v.Metric)]);
        batch.Add(sensor, At(time), [.. values.Select(v => v.Value)]);
        return Store.WriteAsync(batch, Token);
    }

    private async Task<string> MetricsAsync(string sensor) => string.Join(' ', (await Store.ReadCurrentAsync(sensor, Token)).Metrics);

    private async Task<string> ListAsync() => string.Join(' ', (await Store.ListMetricsAsync(Token)).Select(m => m.Metric.Name));

    /// <summary>Raw readings as text: values by name.</summary>
    private async Task<string> TextAsync(string sensor, params string[] metrics)
    {
        var lines = new List<string>();
        await foreach (var batch in Store.ReadRawAsync(
            new RawQuery(sensor, TimeRange.All) { Metrics = metrics.Length == 0 ? null : metrics },
            Token))
        {
            lines.AddRange(Enumerable.Range(0, batch.Count).Select(row => string.Join(' ', batch.Metrics.Zip(batch[row].Values)
                .Select(v => double.IsNaN(v.Second) ? $"{v.First}=" : string.Create(
                    System.Globalization.CultureInfo.InvariantCulture, $"{v.First}={v.Second}")))));
        }

        return string.Join("; ", lines);
    }

    private async Task<Answer> OfAsync(string aggregate, string? sensor, bool fromRaw, params string[] metrics)
        => await Store.AnswerAsync(new AggregateQuery(aggregate, sensor, TimeRange.All, fromRaw) { Metrics = metrics }, Token);

    [Fact]
    public async Task A_metric_comes_with_its_first_value_and_stands_in_the_answers_of_who_sent_it()
    {
        await WriteAsync("a", "2026-03-10T10:00Z", ("temperature", 20), ("humidity", 50));
        Assert.Equal(new WriteResult(1, 0, 0), await WriteAsync("b", "2026-03-10T10:00Z", ("power", 7), ("temperature", 21)));
        Assert.Equal("temperature humidity power", await ListAsync());
        Assert.Equal(["temperature", "humidity", "power"], Store.Schema.MetricNames);
        Assert.Equal(("temperature humidity", "temperature humidity power"), (await MetricsAsync("a"), await MetricsAsync("b")));
        Assert.Equal("temperature=20 humidity=50", await TextAsync("a"));
        Assert.Equal("temperature=21 humidity= power=7", await TextAsync("b"));
        Assert.Equal(["avg_temperature", "min_temperature", "max_temperature", "avg_humidity", "min_humidity", "max_humidity"],
            (await AnswerAsync("hourly", "a")).Columns);
        HasValues((await AnswerAsync("hourly", "b")).Rows[0].Values, 21, 21, 21, double.NaN, double.NaN, double.NaN, 7, 7, 7);
        await AggregatesEqualRawAsync();
    }

    [Fact]
    public async Task It_survives_reopening_and_is_materialised_with_late_readings()
    {
        foreach (var time in (string[])["2026-01-08T10:00Z", "2026-02-08T10:00Z", "2026-03-08T10:00Z"])
        {
            await WriteAsync("a", time, ("temperature", 20));
        }

        await RefreshAllAsync();
        await Store.CompressAsync(null, Token);
        await WriteAsync("a", "2026-02-08T10:10Z", ("power", 7), ("current", 1));
        await WriteAsync("b", "2026-02-08T10:20Z", ("power", 9));
        await WriteAsync("a", "2026-03-09T10:20Z", ("power", 8));
        await OpenAsync();
        Assert.Equal("temperature humidity power current", await MetricsAsync("a"));
        Assert.True((await AnswerAsync("hourly", "a", Range("2026-02-08", "2026-02-09"))).Pending);
        await RefreshAllAsync();
        var hour = (await AnswerAsync("hourly", "a", Range("2026-02-08", "2026-02-09"))).Rows.Single();
        Assert.Equal(2, hour.ReadingCount);
        HasValues(hour.Values, 20, 20, 20, double.NaN, double.NaN, double.NaN, 7, 7, 7, 1, 1, 1);
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
        await Store.CompressAsync(null, Token);
        await OpenAsync();
        await AggregatesEqualRawAsync();
        Assert.Equal("power=; power=; power=7; power=; power=8", await TextAsync("a", "power"));
    }

    [Fact]
    public async Task Metrics_are_selected_by_name_and_come_in_that_order()
    {
        await WriteAsync("a", "2026-03-08T10:00Z", ("temperature", 20), ("humidity", 50), ("power", 7));
        await WriteAsync("b", "2026-03-08T10:00Z", ("co2", 400));
        await RefreshAsync("hourly");
        Assert.Equal("power=7 temperature=20", await TextAsync("a", "power", "temperature"));
        Assert.Equal("co2=", await TextAsync("a", "co2"));
        foreach (var fromRaw in (bool[])[false, true])
        {
            var answer = await OfAsync("hourly", "a", fromRaw, "power", "humidity");
            Assert.Equal(["avg_power", "min_power", "max_power", "avg_humidity", "min_humidity", "max_humidity"], answer.Columns);
            HasValues(answer.Rows.Single().Values, 7, 7, 7, 50, 50, 50);
            var peaks = await OfAsync("peak_hours", null, fromRaw, "co2");
            Assert.Equal(["avg_co2", "min_co2", "max_co2"], peaks.Columns);
            Assert.Equal([400, double.NaN], peaks.Rows.OrderByDescending(r => r.SensorId).Select(r => r.Values[0]));
        }

        Assert.Equal(StoreErrorKind.Invalid, await FailsAsync(() => TextAsync("a", "pressure")));
        Assert.Equal(StoreErrorKind.Invalid, await FailsAsync(() => OfAsync("hourly", "a", false, "pressure")));
    }

    [Fact]
    public async Task Identity_and_replacement_hold_for_all_values()
    {
        await WriteAsync("a", "2026-03-10T10:00Z", ("temperature", 20), ("power", 7), ("co2", 400));
        Assert.Equal(
            new WriteResult(0, 0, 1),
            await WriteAsync("a", "2026-03-10T10:00Z", ("co2", 400), ("temperature", 20), ("power", 7), ("wind", double.NaN)));
        Assert.Equal("temperature humidity power co2", await ListAsync());
        Assert.Equal(new WriteResult(0, 1, 0), await WriteAsync("a", "2026-03-10T10:00Z", ("temperature", 20), ("power", 8), ("co2", 400)));
        Assert.Equal(new WriteResult(0, 1, 0), await WriteAsync("a", "2026-03-10T10:00Z", ("temperature", 20), ("co2", 400)));
        Assert.Equal("temperature=20 humidity= power= co2=400", await TextAsync("a"));
        Assert.Equal(new WriteResult(0, 1, 0), await WriteAsync("a", "2026-03-10T10:00Z", ("temperature", 20)));
        Assert.Equal("temperature=20 humidity= power= co2=", await TextAsync("a"));
        HasValues((await Store.CurrentAsync("a", Token)).Values, 20, double.NaN, double.NaN, double.NaN);
    }

    [Fact]
    public async Task What_is_refused_leaves_the_others_written()
    {
        await OpenAsync(Settings with { MaxMetrics = 3, MaxSensors = 2 });
        await WriteAsync("a", "2026-03-10T10:00Z", ("power", 7));
        var batch = new ReadingBatch(["power", "co2", "time"]);
        batch.Add("a", At("2026-03-10T10:01Z"), [1, double.NaN, double.NaN]);
        batch.Add("new", At("2026-03-10T10:01Z"), [double.NaN, 2, double.NaN]);
        batch.Add("b", At("2026-03-10T10:01Z"), [3, double.NaN, double.NaN]);
        batch.Add("c", At("2026-03-10T10:01Z"), [4, double.NaN, double.NaN]);
        batch.Add("a", At("2026-03-10T10:02Z"), [5, double.NaN, 1]);
        var result = await Store.WriteAsync(batch, Token);
        Assert.Equal((2, 3), (result.Written, result.Refused));
        Assert.Equal([1, 3, 4], result.Refusals!.Select(r => r.Row));
        Assert.Equal("temperature humidity power", await ListAsync());
        Assert.Equal(["a", "b"], (await Store.SensorsAsync(Token)).Select(s => s.SensorId));

        await OpenAsync(Settings with { NewMetrics = NewMetrics.Refuse, MaxMetrics = 200 });
        Assert.Equal(1, (await WriteAsync("a", "2026-03-10T10:03Z", ("power", 7), ("co2", 1))).Refused);
        Assert.Equal(new WriteResult(1, 0, 0), await WriteAsync("a", "2026-03-10T10:03Z", ("power", 7), ("co2", double.NaN)));
    }

    [Fact]
    public async Task They_are_listed_with_when_they_were_first_seen_and_how_many_sensors_sent_them()
    {
        await WriteAsync("a", "2026-03-10T10:00Z", ("temperature", 1));
        Clock.Advance(TimeSpan.FromHours(1));
        await WriteAsync("b", "2026-03-01T10:00Z", ("temperature", 1), ("power", 1));
        await WriteAsync("c", "2026-03-01T10:00Z", ("power", double.NaN), ("co2", double.NaN));
        await Store.AddMetricsAsync(["wind", "power"], Token);
        for (var opened = 0; opened < 2; opened++)
        {
            Assert.Equal(
                [("temperature", true, Start, 2), ("humidity", true, null, 0), ("power", false, Start + TimeSpan.FromHours(1), 1),
                    ("wind", false, (Instant?)null, 0)],
                (await Store.ListMetricsAsync(Token)).Select(m => (m.Metric.Name, m.Metric.IsConfigured, m.FirstSeen, m.Sensors)));
            await OpenAsync();
        }

        Assert.Equal(StoreErrorKind.Invalid, await FailsAsync(() => Store.AddMetricsAsync(["Wind"], Token)));
        Assert.Equal(StoreErrorKind.Invalid, await FailsAsync(() => Store.AddMetricsAsync(["reading_count"], Token)));
    }

    [Fact]
    public async Task One_that_is_taken_away_is_gone_and_may_come_again()
    {
        await WriteAsync("a", "2026-03-08T10:00Z", ("temperature", 20), ("power", 7), ("co2", 400));
        await WriteAsync("b", "2026-03-08T10:00Z", ("power", 9));
        await RefreshAllAsync();
        await Store.RemoveMetricAsync("power", Token);
        for (var opened = 0; opened < 2; opened++)
        {
            Assert.Equal("temperature humidity co2", await ListAsync());
            Assert.Equal("temperature=20 humidity= co2=400", await TextAsync("a"));
            Assert.Equal("temperature= humidity=", await TextAsync("b"));
            await VerifyIsCleanAsync();
            await OpenAsync();
        }

        Assert.Equal(new WriteResult(0, 0, 1), await WriteAsync("a", "2026-03-08T10:00Z", ("temperature", 20), ("co2", 400)));
        Assert.Equal(new WriteResult(0, 0, 1), await WriteAsync("b", "2026-03-08T10:00Z", ("temperature", double.NaN)));
        await WriteAsync("b", "2026-03-08T11:00Z", ("power", 5));
        Assert.Equal("power=; power=5", await TextAsync("b", "power"));
        await RefreshAllAsync();
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
        Assert.Equal(StoreErrorKind.Invalid, await FailsAsync(() => Store.RemoveMetricAsync("temperature", Token)));
        Assert.Equal(StoreErrorKind.Invalid, await FailsAsync(() => Store.RemoveMetricAsync("wind", Token)));
    }

    [Fact]
    public async Task The_configuration_may_declare_one_later_and_leave_it_out_again()
    {
        await WriteAsync("a", "2026-03-08T10:00Z", ("temperature", 20), ("wind", 3));
        await WriteAsync("b", "2026-03-08T10:00Z", ("temperature", 21));
        await RefreshAllAsync();
        await OpenAsync(Settings with
        {
            Schema = TestSchema.Create([TestSchema.Temperature, TestSchema.Metric("wind"), TestSchema.Humidity], TestSchema.Chain()),
        });
        Assert.Equal("temperature=20 wind=3 humidity=", await TextAsync("a"));
        Assert.Equal("temperature=21 wind= humidity=", await TextAsync("b"));
        await WriteAsync("b", "2026-03-08T10:30Z", ("humidity", 50));
        await RefreshAllAsync();
        await OpenAsync(Settings with { Schema = TestSchema.Create([TestSchema.Temperature], TestSchema.Chain()) });
        Assert.Equal("temperature=20 wind=3", await TextAsync("a"));
        Assert.Equal("temperature=21 humidity=; temperature= humidity=50", await TextAsync("b"));
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
        await Store.RemoveMetricAsync("humidity", Token);
        Assert.Equal("temperature=21; temperature=", await TextAsync("b"));
        await WriteAsync("b", "2026-03-08T10:40Z", ("humidity", 51), ("temperature", 1));
        await RefreshAllAsync();
        await OpenAsync(Settings with { Schema = TestSchema.Default });
        Assert.Equal("humidity=; humidity=; humidity=51", await TextAsync("b", "humidity"));
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task History_that_raw_no_longer_gives_is_kept()
    {
        await OpenAsync(Settings with { Retention = TimeSpan.FromDays(10) });
        await WriteAsync("a", "2026-03-01T10:00Z", ("temperature", 20), ("power", 7));
        await WriteAsync("a", "2026-02-01T10:00Z", ("temperature", 20), ("power", 6));
        await WriteAsync("b", "2026-02-01T10:00Z", ("power", 6));
        Assert.NotEqual(0, (await Store.RetainAsync(Token)).ReadingsDropped);
        await WriteAsync("a", "2026-03-09T10:00Z", ("co2", 400));
        await OpenAsync();
        HasValues((await Store.CurrentAsync("b", Token)).Values, double.NaN, double.NaN, 6);
        Assert.Equal(
            [6, 7, double.NaN],
            (await OfAsync("hourly", "a", false, "power")).Rows.Select(r => r.Values[0]));
        Assert.Equal([6, 7], (await OfAsync("monthly", "a", false, "power")).Rows.Select(r => r.Values[0]));
        Assert.Equal([6, double.NaN, 7], (await Store.FleetAsync(new FleetQuery("monthly", "power", TimeRange.All), Token))
            .SelectMany(p => new[] { p.Average ?? double.NaN, double.NaN }).Take(3));
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task The_fleet_of_one_is_what_its_sensors_sent()
    {
        await WriteAsync("a", "2026-03-08T10:00Z", ("temperature", 20), ("power", 4));
        await WriteAsync("b", "2026-03-08T10:10Z", ("power", 6));
        await WriteAsync("c", "2026-03-08T10:20Z", ("temperature", 22));
        await WriteAsync("a", "2026-03-10T11:10Z", ("power", 8));
        await RefreshAsync("hourly", Range("2026-03-08", "2026-03-09"));
        foreach (var fromRaw in (bool[])[false, true])
        {
            var points = await Store.FleetAsync(new FleetQuery("hourly", "power", TimeRange.All, fromRaw), Token);
            Assert.Equal([(5, 3), (8, 1)], points.Select(p => (p.Average!.Value, p.ReadingCount)));
        }
    }

    [Fact]
    public async Task Extra_columns_are_computed_whatever_comes_beside()
    {
        await WriteAsync("a", "2026-03-08T10:00Z", ("power", 4), ("temperature", 20));
        await WriteAsync("a", "2026-03-08T11:00Z", ("temperature", 25));
        await RefreshAsync("peak_hours");
        await WriteAsync("a", "2026-03-08T12:00Z", ("temperature", 30), ("power", 8));
        await RefreshAsync("peak_hours");
        var peaks = await AnswerAsync("peak_hours", "a");
        Assert.Equal(["avg_power", "min_power", "max_power", "max_temp", "min_temp", "temperature_range"], peaks.Columns.Skip(6));
        HasValues(peaks.Rows.Single().Values.Skip(6), 6, 4, 8, 30, 20, 10);
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    /// <summary>Batches that wait for each other share a commit.</summary>
    [Fact]
    public async Task Many_clients_bring_them_at_once()
    {
        await WriteAsync("s0", "2026-03-08T10:00Z", ("temperature", 1));
        await Task.WhenAll(Enumerable.Range(0, 60).Select(
            i => WriteAsync($"s{i % 6}", $"2026-03-08T10:{i:00}Z", ($"m{i % 7}", i), ("temperature", i))));
        Assert.Equal(60, (await RawAsync()).Count);
        Assert.Equal(9, (await Store.ListMetricsAsync(Token)).Count);
        await RefreshAllAsync();
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    /// <summary>Many metrics, of which each sensor has a few.</summary>
    [Fact]
    public async Task There_may_be_many()
    {
        TestLength.SkipUnlessShare();
        Assert.Equal(2, Configured.Length);
        var batch = new ReadingBatch([.. Enumerable.Range(0, 150).Select(m => $"m{m}")]);
        foreach (var (sensor, day) in Enumerable.Range(0, 15).SelectMany(s => Enumerable.Range(1, 8).Select(d => (s, d))))
        {
            var values = Enumerable.Range(0, 150).Select(m => m / 10 == sensor && (m + day) % 3 > 0 ? m + (day / 10.0) : double.NaN);
            batch.Add($"s{sensor}", Instant.Utc(2026, 3, day, sensor), [.. values]);
        }

        await Store.WriteAsync(batch, Token);
        await RefreshAllAsync();
        await Store.CompressAsync(null, Token);
        await OpenAsync();
        Assert.Equal(152, (await Store.ListMetricsAsync(Token)).Count);
        Assert.Equal(12, (await Store.ReadCurrentAsync("s7", Token)).MetricCount);
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
        var month = (await OfAsync("monthly", "s7", false, "m75", "m2")).Rows.Single();
        HasValues(month.Values.Skip(1), 75.1, 75.8, double.NaN, double.NaN, double.NaN);
    }
}
