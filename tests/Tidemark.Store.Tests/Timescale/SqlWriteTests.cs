using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>Readings that SQL wrote.</summary>
public sealed class SqlWriteTests : TimescaleTest
{
    [Fact]
    public async Task Late_readings_and_sensors_that_SQL_wrote_are_there_after_a_refresh()
    {
        await using var store = await OpenAsync(new StoreSettings());
        await store.WriteAsync(Batch((At("2026-03-01T10:00Z"), "a", 1), (At("2026-03-03T10:00Z"), "a", 1)), Token);
        await RefreshAsync(store);
        await ExecuteAsync("INSERT INTO sensor_data VALUES ('2026-03-01 10:30Z', 'a', 5), ('2026-03-04 10:30Z', 'by sql', 5)");
        await RefreshAsync(store);
        Assert.Equal([2, 1, 1], (await AnswerAsync(store, "hourly")).Rows.OrderBy(r => r.Bucket).Select(r => r.ReadingCount));
        Assert.Equal(["a", "by sql"], (await store.SensorsAsync(Token)).Select(s => s.SensorId));
        Assert.Equal(5, (await store.CurrentAsync("by sql", Token)).Values[0]);
        Assert.Equal(0, (await store.VerifyAsync(null, null, Token)).DifferenceCount);
    }

    [Fact]
    public async Task Late_changes_by_SQL_are_pending_until_each_aggregate_is_refreshed()
    {
        await using var store = await OpenAsync(new StoreSettings());
        await store.WriteAsync(Batch(
            (At("2026-03-01T10:00Z"), "a", 1),
            (At("2026-03-01T10:00Z"), "b", 1),
            (At("2026-03-02T10:00Z"), "a", 1),
            (At("2026-03-05T10:00Z"), "a", 1)), Token);
        await RefreshAsync(store);
        var day = new TimeRange(At("2026-03-01"), At("2026-03-02"));
        async Task<string> PendingAsync(TimeRange range, string sensor = "a")
            => string.Join(' ', await Task.WhenAll(((string[])["hourly", "daily", "peak_hours"]).Select(
                async a => $"{a}:{(await store.AnswerAsync(a, Token, sensor, range)).Pending}")));

        const string None = "hourly:False daily:False peak_hours:False";
        const string All = "hourly:True daily:True peak_hours:True";
        await store.WriteAsync(Batch((At("2026-03-01T10:10Z"), "a", 1)), Token);
        Assert.Equal((All, None), (await PendingAsync(day), await PendingAsync(day, "b")));
        await RefreshAsync(store);
        foreach (var sql in (string[])["INSERT INTO sensor_data VALUES ('2026-03-01 10:30Z', 'a', 5)", "UPDATE sensor_data SET "
            + "temperature = 9 WHERE sensor_id = 'a' AND time = '2026-03-01 10:30Z'", "DELETE FROM sensor_data WHERE time = "
            + "'2026-03-01 10:30Z'"])
        {
            Assert.Equal(None, await PendingAsync(day));
            await ExecuteAsync(sql);
            Assert.Equal((All, None), (await PendingAsync(day), await PendingAsync(new TimeRange(At("2026-03-02"), At("2026-03-03")))));
            await store.RefreshAsync("hourly", null, null, Token);
            Assert.Equal("hourly:False daily:True peak_hours:True", await PendingAsync(day));
            await RefreshAsync(store);
        }

        Assert.Equal(None, await PendingAsync(TimeRange.All));
        Assert.Equal(
            (0, 0),
            ((await store.VerifyAsync(null, null, Token)).DifferenceCount, (await store.VerifyAsync(null, null, Token)).BucketsPending));
    }

    [Fact]
    public async Task A_bulk_load_over_readings_that_SQL_wrote_replaces_them()
    {
        await using var store = await OpenAsync(new StoreSettings());
        await ExecuteAsync(
            "INSERT INTO sensor_data SELECT '2026-03-01'::timestamptz + i * interval '1 minute', 'a', 5 FROM generate_series(0, 9) i");
        var readings = Enumerable.Range(0, 5000).Select(i => (At("2026-03-01") + TimeSpan.FromMinutes(i), "a", 1.0)).ToArray();
        await store.WriteAsync(Batch(readings), Token);
        Assert.Equal(5000, (await store.RawAsync("a", TimeRange.All, Token)).Count);
        Assert.All(await store.RawAsync("a", TimeRange.All, Token), r => Assert.Equal(1, r.Values[0]));
    }
}
