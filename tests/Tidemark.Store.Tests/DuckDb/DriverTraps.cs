using DuckDB.NET.Data;
using Tidemark.DuckDb;
using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.DuckDb;

/// <summary>What the driver does by itself and the engine must not.</summary>
public sealed class DriverTraps : IAsyncLifetime
{
    // Each chunk interval has a table of its own.
    private readonly DuckDbFixture _fixture = new() { SharedReadings = 1 };
    private ITelemetryStore _store = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _fixture.Clock.SetUtcNow(Instant.Utc(2026, 3, 10, 12).ToDateTimeOffset());
        _store = await _fixture.OpenAsync(new StoreSettings(), Token);
    }

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task A_write_that_fails_half_way_leaves_nothing_visible()
    {
        // Disposing an appender after an exception keeps its rows. The second chunk gets a column that no batch fills.
        await WriteAsync(Reading(1, 0), Reading(2, 0));
        await _fixture.CloseAsync();
        Execute("ALTER TABLE internal.chunk_2 ADD COLUMN extra INTEGER");
        _store = await _fixture.OpenAsync(new StoreSettings(), Token);
        await Assert.ThrowsAsync<StoreException>(() => WriteAsync(Reading(1, 5), Reading(2, 5), Reading(1, 6, "new")));
        Assert.Equal(2, (await _store.RawAsync(null, TimeRange.All, Token)).Count);
        Assert.Equal(["a"], (await _store.SensorsAsync(Token)).Select(s => s.SensorId));
        Assert.Equal(new WriteResult(1, 0, 0), await WriteAsync(Reading(1, 5)));
        await _fixture.OpenAsync(new StoreSettings(), Token).ContinueWith(opened => _store = opened.Result, Token);
        Assert.Equal(3, (await _store.RawAsync(null, TimeRange.All, Token)).Count);
    }

    [Theory]
    [InlineData("a"), InlineData(null)]
    public async Task A_read_leaves_the_callers_thread_at_once_and_ends_when_it_is_cancelled(string? sensor)
    {
        await UseEndlessAggregateAsync();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var read = _store.AnswerAsync(new AggregateQuery("endless", sensor, TimeRange.All), stop.Token);
        Assert.False(read.IsCompleted);
        stop.CancelAfter(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.WaitAsync(TimeSpan.FromMinutes(1), Token));
        Assert.Single(await _store.RawAsync("a", TimeRange.All, Token));
    }

    [Fact]
    public async Task A_verification_ends_when_it_is_cancelled()
    {
        await WriteAsync(Reading(1, 0));
        await _store.RefreshAsync("hourly", null, null, Token);
        await UseEndlessAggregateAsync();
        await _fixture.CloseAsync();
        Execute($"UPDATE internal.aggregates SET watermark = {Instant.Utc(2026, 3, 9).Micros} WHERE name = 'endless'");
        _store = await _fixture.OpenAsync(Endless, Token);
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(500));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => _store.VerifyAsync("endless", null, stop.Token).WaitAsync(TimeSpan.FromMinutes(1), Token));
    }

    [Fact]
    public async Task Every_spelling_of_a_folder_is_the_same_store()
    {
        await WriteAsync(Reading(1, 0));
        var link = _fixture.Folder + "-link";
        Directory.CreateSymbolicLink(link, _fixture.Folder);
        try
        {
            string[] spellings =
            [
                _fixture.Folder + "/", _fixture.Folder + "//", Path.Combine(_fixture.Folder, "..", Path.GetFileName(_fixture.Folder)), Path
                    .Combine(_fixture.Folder, "."),
                Path.GetRelativePath(Environment.CurrentDirectory, _fixture.Folder), link, link + "/",
            ];
            foreach (var spelling in spellings)
            {
                var error = await Assert.ThrowsAsync<StoreException>(() => OpenAsync(spelling));
                Assert.Equal(StoreErrorKind.InUse, error.Kind);
            }

            await _fixture.CloseAsync();
            foreach (var spelling in spellings)
            {
                await using var store = await OpenAsync(spelling);
                Assert.Single(await store.RawAsync("a", TimeRange.All, Token));
            }
        }
        finally
        {
            Directory.Delete(link);
        }
    }

    [Fact]
    public async Task Folders_that_differ_by_case_never_share_a_database()
    {
        // The driver's cache of paths ignores case, whatever the file system does.
        await WriteAsync(Reading(1, 0));
        var other = _fixture.Folder.Replace("tidemark-test", "TIDEMARK-TEST", StringComparison.Ordinal);
        try
        {
            await using var store = await OpenAsync(other);
            Assert.Empty(await store.SensorsAsync(Token));
        }
        catch (StoreException e)
        {
            Assert.Equal(StoreErrorKind.InUse, e.Kind);
        }
        finally
        {
            Directory.Delete(other, recursive: true);
        }
    }

    [Fact]
    public async Task A_linked_database_file_is_the_same_store()
    {
        await WriteAsync(Reading(1, 0));
        var other = Directory.CreateDirectory(_fixture.Folder + "-other").FullName;
        try
        {
            File.CreateSymbolicLink(Path.Combine(other, DuckDbStore.FileName), Path.Combine(_fixture.Folder, DuckDbStore.FileName));
            Assert.Equal(StoreErrorKind.InUse, (await Assert.ThrowsAsync<StoreException>(() => OpenAsync(other))).Kind);
        }
        finally
        {
            Directory.Delete(other, recursive: true);
        }
    }

    [Fact]
    public async Task A_store_may_be_opened_again_once_it_is_closed()
    {
        for (var i = 0; i < 3; i++)
        {
            await WriteAsync(Reading(1, i));
            _store = await _fixture.OpenAsync(new StoreSettings(), Token);
        }

        Assert.Equal(3, (await _store.RawAsync("a", TimeRange.All, Token)).Count);
    }

    // Minutes of computing: a read of it that isn't interrupted outlasts every bound above, yet ends.
    private static StoreSettings Endless { get; } = new()
    {
        Schema = TestSchema.Create(
            [TestSchema.Temperature, TestSchema.Humidity],
            [.. TestSchema.Chain(), new("endless", "1 day", Columns: [new(
                "busy",
                "max(temperature) + (SELECT count(*) FROM range(200000) a, range(200000) b WHERE (a.range * b.range) % 7 = 3)")])]),
    };

    private async Task UseEndlessAggregateAsync()
    {
        await WriteAsync(Reading(1, 0));
        _store = await _fixture.OpenAsync(Endless, Token);
    }

    private Task<WriteResult> WriteAsync(params Reading[] readings)
    {
        var batch = new ReadingBatch(TestSchema.Default.MetricNames);
        foreach (var reading in readings)
        {
            batch.Add(reading);
        }

        return _store.WriteAsync(batch, Token);
    }

    private static Reading Reading(int day, int hour, string sensor = "a") => new(Instant.Utc(2026, 3, day, hour), sensor, [day, hour]);

    private async Task<ITelemetryStore> OpenAsync(string folder)
    {
        var store = await DuckDbStore.OpenAsync(_fixture.Options(new StoreSettings()) with { Folder = folder }, Token);
        await store.InitializeAsync(Token);
        return store;
    }

    private void Execute(string sql)
    {
        using var connection = new DuckDBConnection($"Data Source={Path.Combine(_fixture.Folder, DuckDbStore.FileName)}");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
