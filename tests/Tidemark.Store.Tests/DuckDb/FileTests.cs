using DuckDB.NET.Data;
using Tidemark.DuckDb;
using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.DuckDb;

/// <summary>Files that are damaged or not Tidemark's are refused in one line, and edited buckets are found.</summary>
public sealed class FileTests : IAsyncDisposable
{
    private readonly DuckDbFixture _fixture = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Database => Path.Combine(_fixture.Folder, DuckDbStore.FileName);

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Theory]
    [InlineData("this is not a database"), InlineData("SQLite format 3\0")]
    public async Task A_file_of_something_else_is_refused(string content)
    {
        Directory.CreateDirectory(_fixture.Folder);
        await File.WriteAllTextAsync(Database, content + new string('x', 20_000), Token);
        await IsNotAStoreAsync();
        Assert.StartsWith(content, await File.ReadAllTextAsync(Database, Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_of_something_else_is_refused_and_left_alone()
    {
        Directory.CreateDirectory(_fixture.Folder);
        Execute("CREATE TABLE customers AS SELECT 1 AS id");
        await IsNotAStoreAsync();
        Execute("INSERT INTO customers VALUES (2)");
    }

    [Fact]
    public async Task A_file_that_was_cut_off_is_refused()
    {
        await WriteHealthyAsync();
        await using (var file = File.OpenWrite(Database))
        {
            file.SetLength(file.Length / 3);
        }

        await IsNotAStoreAsync();
    }

    [Fact]
    public async Task A_damaged_header_is_refused()
    {
        await WriteHealthyAsync();
        await OverwriteAsync(0, 12_288);
        await IsNotAStoreAsync();
    }

    [Fact]
    public async Task Damaged_data_never_becomes_an_answer()
    {
        await WriteHealthyAsync();
        await OverwriteAsync(12_288, (int)new FileInfo(Database).Length - 12_288);
        await IsNotAStoreAsync();
    }

    [Fact]
    public async Task A_folder_that_is_a_file_is_refused()
    {
        await File.WriteAllTextAsync(_fixture.Folder, "", Token);
        try
        {
            var error = await Assert.ThrowsAsync<StoreException>(() => _fixture.OpenAsync(new StoreSettings(), Token));
            Assert.Equal(StoreErrorKind.NotWritable, error.Kind);
            Assert.DoesNotContain('\n', error.Message);
        }
        finally
        {
            File.Delete(_fixture.Folder);
        }
    }

    [Theory]
    [InlineData(
        "UPDATE internal.agg_hourly SET max_temperature = 77 WHERE bucket = '2026-03-08 10:00:00'",
        "hourly",
        "max_temperature 77, from raw 3")]
    [InlineData(
        "UPDATE internal.agg_daily SET sum_temperature = sum_temperature * (1 + 1e-6) WHERE bucket = '2026-03-08'",
        "daily",
        "avg_temperature")]
    [InlineData(
        "UPDATE internal.agg_hourly SET reading_count = 1 WHERE bucket = '2026-03-08 10:00:00'",
        "hourly",
        "reading_count 1, from raw 2")]
    [InlineData("DELETE FROM internal.agg_peak_hours WHERE bucket = '2026-03-08'", "peak_hours", "max_temp null, from raw 3")]
    [InlineData("INSERT INTO internal.agg_hourly SELECT sensor, bucket - INTERVAL 1 HOUR, * EXCLUDE (sensor, bucket) FROM "
        + "internal.agg_hourly WHERE bucket = '2026-03-08 10:00:00'", "hourly", "reading_count 2, from raw null")]
    public async Task Verify_names_a_bucket_that_was_changed_behind_its_back(string sql, string aggregate, string difference)
    {
        await WriteHealthyAsync();
        Execute(sql);
        var store = await _fixture.OpenAsync(new StoreSettings(), Token);
        var report = await store.VerifyAsync(null, null, Token);
        Assert.Equal(1, report.DifferenceCount);
        var found = Assert.Single(report.Differences);
        Assert.Equal((aggregate, "a"), (found.Aggregate, found.SensorId));
        Assert.Equal(Instant.Utc(2026, 3, 8), BucketWidth.Fixed(TimeSpan.FromDays(1)).Floor(found.Bucket));
        Assert.Contains(difference, found.Difference, StringComparison.Ordinal);
    }

    /// <summary>A store with two materialised days, closed.</summary>
    private async Task WriteHealthyAsync()
    {
        _fixture.Clock.SetUtcNow(Instant.Utc(2026, 3, 10, 12).ToDateTimeOffset());
        var store = await _fixture.OpenAsync(new StoreSettings(), Token);
        var batch = new ReadingBatch(TestSchema.Default.MetricNames);
        batch.Add("a", Instant.Utc(2026, 3, 8, 10), [1, 2]);
        batch.Add("a", Instant.Utc(2026, 3, 8, 10, 30), [3, 4]);
        batch.Add("a", Instant.Utc(2026, 3, 9, 23), [5, 6]);
        await store.WriteAsync(batch, Token);
        await store.RefreshAsync("monthly", null, null, Token);
        await store.RefreshAsync("peak_hours", null, null, Token);
        await _fixture.CloseAsync();
    }

    private async Task IsNotAStoreAsync()
    {
        var error = await Assert.ThrowsAsync<StoreException>(() => _fixture.OpenAsync(new StoreSettings(), Token));
        Assert.Equal(StoreErrorKind.NotAStore, error.Kind);
        Assert.Contains(_fixture.Folder, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    private async Task OverwriteAsync(long position, int length)
    {
        await using var file = File.OpenWrite(Database);
        file.Position = position;
        await file.WriteAsync(Enumerable.Repeat((byte)0xA5, length).ToArray(), Token);
    }

    private void Execute(string sql)
    {
        using var connection = new DuckDBConnection($"Data Source={Database}");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
