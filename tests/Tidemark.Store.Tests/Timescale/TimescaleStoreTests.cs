using Npgsql;
using Tidemark.Store.Tests.Conformance;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>Several processes, and a server that goes and comes.</summary>
public sealed class TimescaleStoreTests : TimescaleTest
{
    [Fact]
    public async Task Two_processes_write_the_same_sensors()
    {
        await using var one = await OpenAsync(new StoreSettings());
        await using var other = await OpenAsync(new StoreSettings());
        var writes = Enumerable.Range(0, 20).Select(i => Task.Run(
            () => (i % 2 == 0 ? one : other).WriteAsync(
                Batch([.. Enumerable.Range(0, 30).Select(n => (At("2026-03-01") + TimeSpan.FromSeconds(n), $"s{n % 3}", (double)i))]),
                Token), Token));
        var total = (await Task.WhenAll(writes)).Aggregate((a, b) => a + b);
        Assert.Equal((30, 600), (total.Written, total.Written + total.Replaced + total.Unchanged));
        Assert.Equal(30, (await other.RawAsync(null, TimeRange.All, Token)).Count);
    }

    [Fact]
    public async Task Lost_connections_are_made_again()
    {
        TimescaleDatabase.SkipWithoutServer();
        await using var store = await OpenAsync(new StoreSettings());
        for (var i = 0; i < 3; i++)
        {
            await store.WriteAsync(Batch((At("2026-03-01") + TimeSpan.FromHours(i), "a", i)), Token);
            await ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
                + "application_name = 'tidemark'");
            Assert.Equal(i, (await store.CurrentAsync("a", Token)).Values[0]);
            await ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
                + "application_name = 'tidemark'");
        }

        Assert.Equal(3, (await AnswerAsync(store, "hourly")).Rows.Count);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unavailable_and_named()
    {
        var error = await Assert.ThrowsAsync<StoreException>(
            () => TimescaleStore.OpenAsync(Fixture.Options(new StoreSettings(), "postgresql://tide:s3cret@127.0.0.1:1/db"), Token));
        Assert.Equal(StoreErrorKind.Unavailable, error.Kind);
        Assert.StartsWith("postgresql://127.0.0.1:1/db can't be reached", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Password", "wrong", StoreErrorKind.NotWritable, "user and password")]
    [InlineData("Database", "no_such_database", StoreErrorKind.NotAStore, "create it")]
    [InlineData("Options", "-c default_transaction_read_only=on", StoreErrorKind.NotWritable, "read-only")]
    public async Task What_is_wrong_with_a_connection_is_said_in_a_line(string part, string value, StoreErrorKind kind, string told)
    {
        TimescaleDatabase.SkipWithoutServer();
        var connection = new NpgsqlConnectionStringBuilder(ConnectionString) { [part] = value }.ConnectionString;
        var error = await Assert.ThrowsAsync<StoreException>(async () =>
        {
            await using var store = await TimescaleStore.OpenAsync(Fixture.Options(new StoreSettings(), connection), Token);
            await store.InitializeAsync(Token);
        });
        Assert.Equal(kind, error.Kind);
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
