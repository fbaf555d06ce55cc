namespace Tidemark.Store.Tests.Timescale;

/// <summary>Clients of every conduct share the one session of the database in WebAssembly, and none harms another.</summary>
public sealed class BridgeTests : IAsyncLifetime
{
    private WasmTimescale _server = null!;

    private static byte[] Conversation { get; } =
    [
        .. WireClient.Query("SELECT 'ä', NULL"),
        .. WireClient.Query("BEGIN; SELECT 1"),
        .. WireClient.Parse("named", "SELECT $1::int + 1"), .. WireClient.Execute("named", "41"), .. WireClient.Sync,
        .. WireClient.Query("COMMIT"),
        .. WireClient.Parse("", "SELECT 1 / $1::int"), .. WireClient.Execute("", "0"), .. WireClient.Execute("", "1"), .. WireClient.Sync,
        .. WireClient.Execute("named", "1"), .. WireClient.Execute("named", "2"), .. WireClient.Sync,
        .. WireClient.Message('C', [(byte)'S', .. "named\0"u8]), .. WireClient.Flush, .. WireClient.Sync,
        .. WireClient.Query(""),
    ];

    private const string Answer = "TD(ä,)C(SELECT 1)Z(I)" + "C(BEGIN)TD(1)C(SELECT 1)Z(T)" + "12D(42)C(SELECT 1)Z(T)" + "C(COMMIT)Z(I)"
        + "1E(22012)Z(I)" + "2D(2)C(SELECT 1)2D(3)C(SELECT 1)Z(I)" + "3Z(I)" + "IZ(I)";

    private const int Units = 8;

    public async ValueTask InitializeAsync() => _server = await WasmPool.TakeAsync();

    public async ValueTask DisposeAsync() => await WasmPool.GiveBackAsync(_server);

    [Fact]
    public async Task A_conversation_split_at_any_byte_is_answered_like_a_whole_one()
    {
        using var client = await WireClient.OpenAsync(_server);
        for (var split = 0; split < Conversation.Length; split++)
        {
            await client.SendAsync(Conversation[..split]);
            await Task.Delay(1);
            await client.SendAsync(Conversation[split..]);
            Assert.Equal(Answer, await client.ReadAsync(Units));
        }
    }

    [Fact]
    public async Task A_conversation_in_random_pieces_is_answered_like_a_whole_one()
    {
        var random = new Random(20261125);
        using var client = await WireClient.OpenAsync(_server);
        for (var round = 0; round < 50; round++)
        {
            for (var rest = Conversation; rest.Length > 0;)
            {
                var length = Math.Min(rest.Length, random.Next(1, 60));
                await client.SendAsync(rest[..length]);
                rest = rest[length..];
                await Task.Delay(random.Next(2));
            }

            Assert.Equal(Answer, await client.ReadAsync(Units));
        }
    }

    [Fact]
    public async Task The_start_of_a_session_may_arrive_in_pieces()
    {
        byte[] start = [.. WireClient.Startup(parameters: ["application_name", "pieces"]), .. WireClient.Query("SHOW application_name")];
        for (var split = 1; split < start.Length; split += 3)
        {
            using var client = await WireClient.ConnectAsync(_server);
            await client.SendAsync(start[..split]);
            await Task.Delay(1);
            await client.SendAsync(start[split..]);
            Assert.Matches("^RS+KZ\\(I\\)TD\\(pieces\\)", await client.ReadAsync(2));
        }
    }

    [Fact]
    public async Task Encryption_is_declined_and_the_session_goes_on_without()
    {
        using var client = await WireClient.ConnectAsync(_server);
        await client.SendAsync(WireClient.SslRequest);
        Assert.Equal("N"u8.ToArray(), await client.ReadBytesAsync(1));
        await client.SendAsync(WireClient.GssRequest);
        Assert.Equal("N"u8.ToArray(), await client.ReadBytesAsync(1));
        Assert.EndsWith("Z(I)", await client.AskAsync(WireClient.Startup()), StringComparison.Ordinal);
        Assert.Equal(Answer, await AskAsync(client));
    }

    [Theory]
    [InlineData("nobody", WasmTimescale.Database, "E(28000)"), InlineData("postgres", "nothing", "E(3D000)")]
    public async Task A_user_or_database_that_is_not_there_is_refused(string user, string database, string answer)
    {
        using var client = await WireClient.ConnectAsync(_server);
        Assert.Equal(answer, await client.AskAsync(WireClient.Startup(user, database)));
        await AssertServesAsync();
    }

    [Fact]
    public async Task What_is_no_message_ends_its_client_alone()
    {
        using var other = await WireClient.OpenAsync(_server);
        foreach (var bytes in (byte[][])[WireClient.Message('y'), [(byte)'Q', 0, 0, 0, 1], WireClient.Startup()])
        {
            using var client = await WireClient.OpenAsync(_server);
            Assert.Equal("E(08P01)", await client.AskAsync(bytes, WireClient.Sync));
            Assert.Equal(Answer, await AskAsync(other));
        }
    }

    [Fact]
    public async Task A_client_that_dies_in_a_transaction_is_rolled_back()
    {
        using var witness = await WireClient.OpenAsync(_server);
        await witness.AskAsync(WireClient.Query("CREATE TABLE t (i int)"));
        byte[][] last =
        [
            [],
            WireClient.Query("INSERT INTO t VALUES (2)")[..^9],
            WireClient.Parse("", "INSERT INTO t VALUES (3)"),
            [.. WireClient.Parse("", "INSERT INTO t VALUES (4)"), .. WireClient.Execute(""), .. WireClient.Flush],
            WireClient.Query("SELECT 1 / 0"),
        ];
        foreach (var bytes in last)
        {
            var client = await WireClient.OpenAsync(_server);
            Assert.EndsWith("Z(T)", await client.AskAsync(WireClient.Query("BEGIN; INSERT INTO t VALUES (1)")), StringComparison.Ordinal);
            await client.SendAsync(bytes);
            await Task.Delay(20);
            client.Die();
            Assert.Equal("TD(0)C(SELECT 1)Z(I)", await witness.AskAsync(WireClient.Query("SELECT count(*) FROM t")));
        }
    }

    [Fact]
    public async Task A_client_that_dies_inside_a_message_leaves_nothing_behind()
    {
        for (var length = 1; length < Conversation.Length; length += 7)
        {
            var client = await WireClient.OpenAsync(_server);
            await client.SendAsync(Conversation[..length]);
            client.Die();
        }

        await AssertServesAsync();
    }

    [Fact]
    public async Task A_second_client_waits_for_the_end_of_a_transaction_and_then_sees_it()
    {
        using var first = await WireClient.OpenAsync(_server);
        using var second = await WireClient.OpenAsync(_server);
        await first.AskAsync(WireClient.Query("CREATE TABLE t (i int)"));
        await first.AskAsync(WireClient.Query("BEGIN"));
        var count = second.AskAsync(WireClient.Query("SELECT count(*) FROM t"));
        var third = WireClient.OpenAsync(_server);
        for (var i = 0; i < 20; i++)
        {
            await first.AskAsync(WireClient.Query("INSERT INTO t VALUES (1)"));
        }

        Assert.False(count.IsCompleted || third.IsCompleted);
        await first.AskAsync(WireClient.Query("COMMIT"));
        Assert.Equal("TD(20)C(SELECT 1)Z(I)", await count);
        (await third).Dispose();
    }

    [Fact]
    public async Task Clients_take_turns_between_transactions_and_keep_their_own_settings_and_statements()
    {
        using var first = await WireClient.OpenAsync(_server, "application_name", "first");
        using var second = await WireClient.OpenAsync(_server, "application_name", "second", "options", "-c work_mem=1MB");
        await first.AskAsync(WireClient.Query("CREATE ROLE plain"));
        await first.AskAsync(WireClient.Query("SET timezone = 'Europe/Berlin'"));
        await second.AskAsync(WireClient.Query("SET SESSION AUTHORIZATION plain"));
        foreach (var (client, name) in ((WireClient, string)[])[(first, "first"), (second, "second")])
        {
            var sql = $"SELECT '{name}', current_setting('application_name'), current_setting('timezone'), current_setting('work_mem'), "
                + "session_user";
            await client.AskAsync(WireClient.Parse("same", sql), WireClient.Sync);
        }

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(
                "2D(first,first,Europe/Berlin,4MB,postgres)C(SELECT 1)Z(I)",
                await first.AskAsync(WireClient.Execute("same"), WireClient.Sync));
            Assert.Equal(
                "2D(second,second,UTC,1MB,plain)C(SELECT 1)Z(I)",
                await second.AskAsync(WireClient.Execute("same"), WireClient.Sync));
        }

        await first.AskAsync(WireClient.Query("DISCARD ALL"));
        Assert.Equal("E(26000)Z(I)", await first.AskAsync(WireClient.Execute("same"), WireClient.Sync));
        Assert.Equal("TD(UTC)C(SHOW)Z(I)", await first.AskAsync(WireClient.Query("SHOW timezone")));
        Assert.Equal("TD(first)C(SHOW)Z(I)", await first.AskAsync(WireClient.Query("SHOW application_name")));
        Assert.Equal("2D(second,second,UTC,1MB,plain)C(SELECT 1)Z(I)", await second.AskAsync(WireClient.Execute("same"), WireClient.Sync));
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task Nothing_of_a_client_that_has_gone_reaches_the_next(bool another)
    {
        using var other = another ? await WireClient.OpenAsync(_server) : null;
        using (var client = await WireClient.OpenAsync(_server))
        {
            await client.AskAsync(WireClient.Query("SET timezone = 'Europe/Berlin'; SET search_path = nowhere"));
            await client.AskAsync(WireClient.Parse("left", "SELECT 1"), WireClient.Sync);
            await client.SendAsync(WireClient.Terminate);
            Assert.Equal("", await client.ReadAsync());
        }

        using var next = await WireClient.OpenAsync(_server);
        Assert.Equal("TD(UTC,\"$user\", public,0)C(SELECT 1)Z(I)", await next.AskAsync(WireClient.Query(
            "SELECT current_setting('timezone'), current_setting('search_path'), (SELECT count(*) FROM pg_prepared_statements)")));
        Assert.Equal("E(26000)Z(I)", await next.AskAsync(WireClient.Execute("left"), WireClient.Sync));
    }

    [Fact]
    public async Task A_statement_that_waits_can_be_cancelled_and_one_that_is_over_can_not()
    {
        using var owner = await WireClient.OpenAsync(_server);
        using var waiting = await WireClient.OpenAsync(_server);
        await owner.AskAsync(WireClient.Query("BEGIN"));
        var answer = waiting.AskAsync(WireClient.Query("SELECT 1"));
        foreach (var request in (byte[][])[owner.CancelRequest, waiting.CancelRequest])
        {
            using var messenger = await WireClient.ConnectAsync(_server);
            Assert.Equal("", await messenger.AskAsync(request));
        }

        Assert.Equal("C(COMMIT)Z(I)", await owner.AskAsync(WireClient.Query("COMMIT")));
        Assert.Equal("E(57014)Z(I)", await answer);
        Assert.Equal(Answer, await AskAsync(waiting));
    }

    [Fact]
    public async Task A_reset_parts_with_every_client_and_empties_the_database()
    {
        for (var i = 0; i < 3; i++)
        {
            using var client = await WireClient.OpenAsync(_server);
            Assert.Equal(
                "TD(0)C(SELECT 1)Z(I)",
                await client.AskAsync(WireClient.Query("SELECT count(*) FROM pg_class WHERE relname IN ('t', 'u')")));
            string[] work =
            [
                "CREATE ROLE plain; CREATE TEMP TABLE u (); CREATE TABLE t (time timestamptz NOT NULL, i int); SELECT "
                    + "create_hypertable('t', 'time')",
                "INSERT INTO t SELECT '2026-03-01Z'::timestamptz + i * INTERVAL '1 minute', i FROM generate_series(1, 50000) i",
                "CREATE MATERIALIZED VIEW v WITH (timescaledb.continuous) AS SELECT time_bucket('1 day', time), max(i) FROM t GROUP BY 1",
                "ALTER TABLE t SET (timescaledb.compress); SELECT count(compress_chunk(c)) FROM show_chunks('t') c",
                "DO $$ BEGIN PERFORM add_retention_policy('t', INTERVAL '1 year'); END $$",
                "CHECKPOINT",
            ];
            foreach (var sql in work)
            {
                Assert.DoesNotContain("E(", await client.AskAsync(WireClient.Query(sql)), StringComparison.Ordinal);
            }

            await client.AskAsync(WireClient.Query("BEGIN; DROP TABLE t CASCADE"));
            Assert.True(await _server.ResetAsync());
            await Assert.ThrowsAnyAsync<Exception>(async () => Assert.NotEqual("", await client.AskAsync(WireClient.Sync)));
        }
    }

    private static async Task<string> AskAsync(WireClient client)
    {
        await client.SendAsync(Conversation);
        return await client.ReadAsync(Units);
    }

    private async Task AssertServesAsync()
    {
        using var client = await WireClient.OpenAsync(_server);
        Assert.Equal(Answer, await AskAsync(client));
    }
}
