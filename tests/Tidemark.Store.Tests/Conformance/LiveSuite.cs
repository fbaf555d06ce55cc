namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 12: who listens gets every commit, and who comes back what was committed meanwhile.</summary>
public abstract class LiveSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Dictionary<CommitSubscription, IAsyncEnumerator<CommittedReadings>> _open = [];

    /// <summary>What comes until nothing more is committed.</summary>
    private async Task<List<CommittedReadings>> NextAsync(CommitSubscription subscription)
    {
        if (!_open.TryGetValue(subscription, out var commits))
        {
            _open.Add(subscription, commits = subscription.ReadAllAsync(Token).GetAsyncEnumerator(Token));
        }

        var parts = new List<CommittedReadings>();
        do
        {
            Assert.True(await commits.MoveNextAsync().AsTask().WaitAsync(Patience, Token));
            parts.Add(commits.Current);
        }
        while ((await SinceAsync(commits.Current.Position, limit: 0)).Missed != 0);

        Assert.All(parts, part => Assert.Equal(0, part.Missed));
        return parts;
    }

    private static string Text(params IEnumerable<ReadingBatch> batches) => string.Join("; ", batches.Select(Text));

    private static string Text(ReadingBatch batch) => string.Join(
        "; ",
        Enumerable.Range(0, batch.Count).Select(row =>
        {
            var values = batch.Metrics.Zip(batch[row].Values).Where(v => !double.IsNaN(v.Second)).Select(v => $"{v.First}={v.Second}");
            return $"{batch.SensorIds[row]} {new Instant(batch.TimesMicros[row]).ToDateTime():HH:mm} {string.Join(' ', values)}";
        }));

    private async Task<string> TextAsync(CommitSubscription subscription)
        => Text((await NextAsync(subscription)).Select(part => part.Readings));

    private async Task<(long? Missed, string Readings)> SinceAsync(string after, string sensors = "*", int limit = 1000)
    {
        Assert.True(SensorSelection.TryParse(sensors, out var selection, out _));
        var since = await Store.ReadCommitsAsync(new CommitQuery(after, selection, limit), Token);
        var readings = since.Batches.SelectMany(batch => Text(batch).Split("; ")).Order(StringComparer.Ordinal);
        return (since.Missed, string.Join("; ", readings));
    }

    [Fact]
    public async Task A_listener_gets_what_each_commit_changed()
    {
        await WriteAsync(At("2026-03-10T08:00Z", 1));
        await using var subscription = await Store.SubscribeAsync(Token);
        await WriteAsync(At("2026-03-10T10:00Z", 20, 50), At("2026-03-10T10:00Z", 21, sensor: "b"));
        Assert.Equal("a 10:00 temperature=20 humidity=50; b 10:00 temperature=21", await TextAsync(subscription));
        await WriteAsync(At("2026-03-10T10:00Z", 20, 50), At("2026-03-10T09:00Z", 19));
        Assert.Equal("a 09:00 temperature=19", await TextAsync(subscription));
        await WriteAsync(At("2026-03-10T10:00Z", 20, 50));
        await WriteAsync(At("2026-03-10T10:00Z", 22));
        Assert.Equal("a 10:00 temperature=22", await TextAsync(subscription));
        await WriteAsync(At("2026-03-10T10:02Z", 3), At("2026-03-10T10:01Z", 1), At("2026-03-10T10:02Z", 2));
        Assert.Equal("a 10:01 temperature=1; a 10:02 temperature=2", await TextAsync(subscription));
    }

    [Fact]
    public async Task A_merged_reading_comes_with_all_its_values()
    {
        await WriteAsync(At("2026-03-10T10:00Z", 20, 50));
        await using var subscription = await Store.SubscribeAsync(Token);
        var batch = new ReadingBatch(["power"]) { Mode = WriteMode.Merge };
        batch.Add("a", At("2026-03-10T10:00Z"), [7]);
        batch.Add("b", At("2026-03-10T10:00Z"), [8]);
        await Store.WriteAsync(batch, Token);
        var parts = await NextAsync(subscription);
        Assert.Equal(
            "a 10:00 temperature=20 humidity=50 power=7; b 10:00 power=8",
            Text(parts.Select(part => part.Readings.Select(["temperature", "humidity", "power"]))));
    }

    [Fact]
    public async Task Each_listener_gets_everything_and_one_that_has_gone_nothing()
    {
        await using var one = await Store.SubscribeAsync(Token);
        var other = await Store.SubscribeAsync(Token);
        await WriteAsync(At("2026-03-10T10:00Z", 1));
        Assert.Equal(await TextAsync(one), await TextAsync(other));
        await other.DisposeAsync();
        Assert.Empty(await other.ReadAllAsync(Token).ToListAsync(Token));
        await WriteAsync(At("2026-03-10T11:00Z", 2));
        Assert.Equal("a 11:00 temperature=2", await TextAsync(one));
    }

    [Fact]
    public async Task Who_comes_back_gets_what_was_committed_meanwhile_late_readings_too()
    {
        await WriteAsync(At("2026-03-10T10:00Z", 1), At("2026-03-10T10:00Z", 1, sensor: "b"));
        string position;
        await using (var subscription = await Store.SubscribeAsync(Token))
        {
            Assert.Equal((0, ""), await SinceAsync(subscription.Position));
            await WriteAsync(At("2026-03-10T11:00Z", 2), At("2026-03-10T11:00Z", 2, sensor: "b"));
            position = (await NextAsync(subscription))[^1].Position;
        }

        Assert.Equal((0, ""), await SinceAsync(position));
        await WriteAsync(At("2026-02-01T07:00Z", 3), At("2026-03-10T11:30Z", 4, sensor: "b"));
        await WriteAsync(At("2026-03-10T11:00Z", 5), At("2026-03-10T11:30Z", 6, sensor: "hall-1"));
        await OpenAsync();
        Assert.Equal(
            (0, "a 07:00 temperature=3; a 11:00 temperature=5; b 11:30 temperature=4; hall-1 11:30 temperature=6"),
            await SinceAsync(position));
        Assert.Equal((0, "a 07:00 temperature=3; a 11:00 temperature=5"), await SinceAsync(position, "a"));
        Assert.Equal((0, "b 11:30 temperature=4; hall-1 11:30 temperature=6"), await SinceAsync(position, "b,hall*,cellar"));
        Assert.Equal((0, ""), await SinceAsync(position, "cellar"));
        Assert.Equal((2, "a 11:00 temperature=5; hall-1 11:30 temperature=6"), await SinceAsync(position, limit: 2));
    }

    [Theory]
    [InlineData(""), InlineData("nonsense"), InlineData("999999999999:999999999999:"), InlineData("-1"), InlineData("5:4:")]
    [InlineData("0123456789ab-7")]
    public async Task A_position_that_means_nothing_here_says_so(string position)
    {
        await WriteAsync(At("2026-03-10T10:00Z", 1));
        var since = await Store.ReadCommitsAsync(new CommitQuery(position, SensorSelection.All, 10), Token);
        Assert.Null(since.Missed);
        await WriteAsync(At("2026-03-10T11:00Z", 2));
        Assert.Equal((0, "a 11:00 temperature=2"), await SinceAsync(since.Position));
    }

    [Fact]
    public async Task Readings_of_many_sensors_and_batches_lose_nothing()
    {
        await using var subscription = await Store.SubscribeAsync(Token);
        var writes = Enumerable.Range(0, 20).Select(w => Store.WriteAsync(
            Batch(Enumerable.Range(0, 300).Select(s => At($"2026-03-10T10:{w:00}Z", w, sensor: $"s{s}"))), Token));
        await Task.WhenAll(writes);
        var seen = new HashSet<(string, long)>();
        while (seen.Count < 6000)
        {
            foreach (var readings in (await NextAsync(subscription)).Select(part => part.Readings))
            {
                for (var row = 0; row < readings.Count; row++)
                {
                    Assert.True(seen.Add((readings.SensorIds[row], readings.TimesMicros[row])));
                }
            }
        }

        Assert.Equal(6000, (await SinceAsync(subscription.Position, limit: 10_000)).Readings.Split("; ").Length);
        Assert.Equal(20, (await SinceAsync(subscription.Position, "s7", limit: 10_000)).Readings.Split("; ").Length);
    }

    [Fact]
    public async Task Many_sensors_of_a_commit_come_without_what_others_wrote_at_that_time()
    {
        await WriteAsync(At("2026-03-10T10:00Z", 1, sensor: "other"), At("2026-03-10T10:00Z", 1, sensor: "s40"));
        await using var subscription = await Store.SubscribeAsync(Token);
        await Store.WriteAsync(Batch(Enumerable.Range(10, 20).Select(s => At("2026-03-10T10:00Z", s, sensor: $"s{s}"))), Token);
        await WriteAsync(At("2026-03-09T10:00Z", 2, sensor: "s12"), At("2026-03-10T10:00Z", 3, sensor: "s13"));
        var expected = Enumerable.Range(10, 20)
            .Select(s => $"s{s} 10:00 temperature={(s == 13 ? 3 : s)}")
            .Append("s12 10:00 temperature=2")
            .Order(StringComparer.Ordinal);
        Assert.Equal((0, string.Join("; ", expected)), await SinceAsync(subscription.Position));
        Assert.Equal((0, "s14 10:00 temperature=14"), await SinceAsync(subscription.Position, "s14,s40"));
    }

    /// <summary>What a listener has at any moment, and what it asks for after a break, are all readings that the store has.</summary>
    [Theory]
    [InlineData(1), InlineData(2), InlineData(3)]
    public async Task Random_writes_and_breaks_leave_a_listener_with_what_is_stored(int seed)
    {
        var random = new Random(seed);
        var known = new Dictionary<(string, long), string>();
        var subscription = await Store.SubscribeAsync(Token);
        var position = subscription.Position;
        for (var step = 0; step < 60; step++)
        {
            if (random.Next(8) == 0)
            {
                await subscription.DisposeAsync();
                await WriteRandomAsync(random);
                subscription = await Store.SubscribeAsync(Token);
                var since = await Store.ReadCommitsAsync(new CommitQuery(position, SensorSelection.All, 10_000), Token);
                Assert.Equal(0, since.Missed);
                since.Batches.ToList().ForEach(Learn);
                position = since.Position;
            }

            if (await WriteRandomAsync(random) is { Written: 0, Replaced: 0 })
            {
                continue;
            }

            var parts = await NextAsync(subscription);
            parts.ForEach(part => Learn(part.Readings));
            position = parts[^1].Position;
        }

        await subscription.DisposeAsync();
        Assert.Equal(
            (await RawAsync()).Select(r => Key(r.SensorId, r.Time.Micros)).Order(),
            known.Keys.Order());
        foreach (var reading in await RawAsync())
        {
            Assert.Equal(string.Join(' ', reading.Values), known[Key(reading.SensorId, reading.Time.Micros)]);
        }

        static (string, long) Key(string sensor, long time) => (sensor, time);

        void Learn(ReadingBatch batch)
        {
            batch = batch.Select([.. Settings.Schema.MetricNames]);
            for (var row = 0; row < batch.Count; row++)
            {
                known[(batch.SensorIds[row], batch.TimesMicros[row])] = string.Join(' ', batch[row].Values);
            }
        }
    }

    private Task<WriteResult> WriteRandomAsync(Random random)
    {
        var batch = new ReadingBatch([.. Settings.Schema.MetricNames]) { Mode = random.Next(3) == 0 ? WriteMode.Merge : WriteMode.Replace };
        for (var i = random.Next(1, 20); i > 0; i--)
        {
            var time = new Instant(Start.Micros - (random.Next(200) * 3_600_000_000L));
            batch.Add($"s{random.Next(4)}", time, [random.Next(3), random.Next(3) == 0 ? double.NaN : random.Next(3)]);
        }

        return Store.WriteAsync(batch, Token);
    }
}
