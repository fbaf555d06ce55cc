namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 3: a merging write keeps what it does not bring.</summary>
public abstract class MergeSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    private Task<WriteResult> WriteAsync(WriteMode mode, string[] metrics, params (string Sensor, string Time, double[] Values)[] readings)
    {
        var batch = new ReadingBatch(metrics) { Mode = mode };
        foreach (var (sensor, time, values) in readings)
        {
            batch.Add(sensor, At(time), values);
        }

        return Store.WriteAsync(batch, Token);
    }

    private async Task<string> ValuesAsync(string sensor = "a") => string.Join(
        "; ",
        (await RawAsync(sensor)).Select(r => string.Join(' ', r.Values.Select(v => double.IsNaN(v) ? "-" : $"{v}"))));

    [Fact]
    public async Task What_is_not_sent_is_kept()
    {
        await WriteAsync(WriteMode.Merge, ["temperature", "power"], ("a", "2026-03-10T10:00Z", [20, 7]));
        Assert.Equal(new WriteResult(0, 1, 0), await WriteAsync(WriteMode.Merge, ["humidity"], ("a", "2026-03-10T10:00Z", [50])));
        Assert.Equal("20 50 7", await ValuesAsync());
        Assert.Equal(
            new WriteResult(0, 1, 0),
            await WriteAsync(WriteMode.Merge, ["power", "temperature"], ("a", "2026-03-10T10:00Z", [8, double.NaN])));
        Assert.Equal("20 50 8", await ValuesAsync());
        HasValues((await Store.CurrentAsync("a", Token)).Values, 20, 50, 8);
        Assert.Equal(new WriteResult(0, 0, 1), await WriteAsync(WriteMode.Merge, ["humidity"], ("a", "2026-03-10T10:00Z", [50])));
        Assert.Equal(new WriteResult(0, 0, 1), await WriteAsync(WriteMode.Merge, ["wind"], ("a", "2026-03-10T10:00Z", [double.NaN])));
        Assert.Equal(new WriteResult(0, 1, 0), await WriteAsync(WriteMode.Replace, ["humidity"], ("a", "2026-03-10T10:00Z", [51])));
        Assert.Equal("- 51 -", await ValuesAsync());
    }

    [Fact]
    public async Task Readings_of_a_batch_add_to_each_other_in_their_order()
    {
        var result = await WriteAsync(
            WriteMode.Merge,
            ["temperature", "humidity"],
            ("a", "2026-03-10T10:00Z", [1, 2]),
            ("b", "2026-03-10T10:00Z", [double.NaN, 3]),
            ("a", "2026-03-10T10:00Z", [double.NaN, 4]),
            ("a", "2026-03-10T09:00Z", [5, double.NaN]),
            ("a", "2026-03-10T10:00Z", [6, double.NaN]),
            ("b", "2026-03-10T10:00Z", [7, double.NaN]));
        Assert.Equal(new WriteResult(3, 0, 0), result);
        Assert.Equal(("5 -; 6 4", "7 3"), (await ValuesAsync(), await ValuesAsync("b")));
    }

    [Fact]
    public async Task Late_ones_reach_compressed_chunks_and_aggregates()
    {
        await WriteAsync(WriteMode.Replace, ["temperature"], ("a", "2026-02-08T10:00Z", [20]), ("a", "2026-03-08T10:00Z", [21]));
        await RefreshAllAsync();
        await Store.CompressAsync(null, Token);
        await WriteAsync(WriteMode.Merge, ["power"], ("a", "2026-02-08T10:00Z", [7]), ("a", "2026-02-08T10:30Z", [8]));
        await OpenAsync();
        Assert.Equal("20 - 7; - - 8; 21 - -", await ValuesAsync());
        await RefreshAllAsync();
        var hour = (await AnswerAsync("hourly", "a", Range("2026-02-08", "2026-02-09"))).Rows.Single();
        HasValues(hour.Values, 20, 20, 20, double.NaN, double.NaN, double.NaN, 7.5, 7, 8);
        await AggregatesEqualRawAsync();
        await VerifyIsCleanAsync();
    }

    [Fact]
    public async Task A_metric_that_was_taken_away_does_not_come_back_with_a_merge()
    {
        await WriteAsync(WriteMode.Merge, ["power", "co2"], ("a", "2026-03-10T10:00Z", [7, 400]));
        await Store.RemoveMetricAsync("power", Token);
        await WriteAsync(WriteMode.Merge, ["temperature"], ("a", "2026-03-10T10:00Z", [20]));
        Assert.Equal("20 - 400", await ValuesAsync());
        await WriteAsync(WriteMode.Merge, ["power"], ("a", "2026-03-10T10:01Z", [8]));
        Assert.Equal("20 - 400 -; - - - 8", await ValuesAsync());
    }
}
