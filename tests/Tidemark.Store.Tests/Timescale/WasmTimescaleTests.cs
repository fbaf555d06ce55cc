using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>The driver meets in WebAssembly what it meets on a server.</summary>
public sealed class WasmTimescaleTests : IAsyncLifetime
{
    private WasmTimescale _server = null!;
    private NpgsqlDataSource _source = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await WasmPool.TakeAsync();
        _source = NpgsqlDataSource.Create(_server.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await WasmPool.GiveBackAsync(_server);
    }

    [Fact]
    public async Task A_large_answer_and_a_large_parameter_arrive_whole()
    {
        var text = string.Concat(Enumerable.Range(0, 3_000_000).Select(i => (char)('a' + (i % 26)) + "ä"));
        await using var echo = _source.CreateCommand("SELECT $1 || '!', length($1)");
        echo.Parameters.Add(new() { Value = text });
        await using (var reader = await echo.ExecuteReaderAsync(Token))
        {
            Assert.True(await reader.ReadAsync(Token));
            Assert.Equal((text + "!", text.Length), (reader.GetString(0), reader.GetInt32(1)));
        }

        await using var series = _source.CreateCommand("SELECT i, repeat('x', 100) FROM generate_series(1, 200000) i");
        await using var rows = await series.ExecuteReaderAsync(Token);
        for (var i = 1; i <= 200_000; i++)
        {
            Assert.True(await rows.ReadAsync(Token));
            Assert.Equal(i, rows.GetInt32(0));
        }

        Assert.False(await rows.ReadAsync(Token));
    }

    [Fact]
    public async Task An_error_leaves_the_connection_usable()
    {
        await using var connection = await _source.OpenConnectionAsync(Token);
        for (var i = 0; i < 3; i++)
        {
            var error = await Assert.ThrowsAsync<PostgresException>(() => ScalarAsync(connection, "SELECT 1 / 0"));
            Assert.Equal(PostgresErrorCodes.DivisionByZero, error.SqlState);
            Assert.Equal(i, await ScalarAsync(connection, $"SELECT {i}"));
        }
    }

    [Fact]
    public async Task A_batch_that_fails_half_way_keeps_nothing()
    {
        await ExecuteAsync("CREATE TABLE t (i int PRIMARY KEY)");
        await using var batch = _source.CreateBatch();
        foreach (var i in (int[])[1, 2, 1])
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand("INSERT INTO t VALUES ($1)") { Parameters = { new() { Value = i } } });
        }

        Assert.Equal(
            PostgresErrorCodes.UniqueViolation,
            (await Assert.ThrowsAsync<PostgresException>(() => batch.ExecuteNonQueryAsync(Token))).SqlState);
        Assert.Equal(0L, await ScalarAsync("SELECT count(*) FROM t"));
    }

    [Fact]
    public async Task Several_connections_write_at_once_and_a_slow_reader_holds_nobody_up()
    {
        await ExecuteAsync("CREATE TABLE t (worker int, i int)");
        await using var slow = _source.CreateCommand("SELECT i FROM generate_series(1, 100000) i");
        await using var reader = await slow.ExecuteReaderAsync(Token);
        Assert.True(await reader.ReadAsync(Token));
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async worker =>
        {
            await using var connection = await _source.OpenConnectionAsync(Token);
            await using var insert = new NpgsqlCommand("INSERT INTO t VALUES ($1, $2)", connection)
            {
                Parameters = { new() { Value = worker }, new() { Value = 0 } }
            };
            await insert.PrepareAsync(Token);
            for (var i = 0; i < 20; i++)
            {
                await using var transaction = await connection.BeginTransactionAsync(Token);
                insert.Parameters[1].Value = i;
                await insert.ExecuteNonQueryAsync(Token);
                await (i % 5 == 4 ? transaction.RollbackAsync(Token) : transaction.CommitAsync(Token));
            }
        }));
        Assert.Equal(6 * 16L, await ScalarAsync("SELECT count(DISTINCT (worker, i)) FROM t"));
        Assert.True(await reader.ReadAsync(Token));
    }

    [Fact]
    public async Task Rows_are_copied_in_and_out_and_a_copy_that_fails_leaves_none()
    {
        await ExecuteAsync("CREATE TABLE t (time timestamptz NOT NULL, sensor text, value float8); SELECT create_hypertable('t', 'time')");
        await using var connection = await _source.OpenConnectionAsync(Token);
        var begin = new DateTime(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc);
        await using (var import = await connection.BeginBinaryImportAsync(
            """COPY "t" ("time", "value") FROM STDIN (FORMAT BINARY)""",
            Token))
        {
            for (var i = 0; i < 50_000; i++)
            {
                await import.WriteRowAsync(Token, begin.AddMinutes(i), (double)i);
            }

            Assert.Equal(50_000ul, await import.CompleteAsync(Token));
        }

        await using (var import = await connection.BeginBinaryImportAsync("COPY t (time, value) FROM STDIN (FORMAT BINARY)", Token))
        {
            await import.WriteRowAsync(Token, begin, 1.0);
        }

        await using (var text = await connection.BeginTextImportAsync("COPY t FROM STDIN", Token))
        {
            await text.WriteAsync("2026-01-01\ta\t1\nnever\tb\t2\n");
            Assert.Equal(PostgresErrorCodes.InvalidDatetimeFormat, Assert.Throws<PostgresException>(text.Dispose).SqlState);
        }

        Assert.Equal(
            PostgresErrorCodes.UndefinedTable,
            (await Assert.ThrowsAsync<PostgresException>(() => connection.BeginTextImportAsync("COPY u FROM STDIN", Token))).SqlState);
        Assert.Equal(
            PostgresErrorCodes.FeatureNotSupported,
            (await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync("BEGIN; COPY t FROM STDIN"))).SqlState);
        Assert.Equal(50_000L, await ScalarAsync("SELECT count(*) FROM t"));
        await using var export = await connection.BeginBinaryExportAsync(
            "COPY (SELECT value FROM t ORDER BY value) TO STDOUT (FORMAT BINARY)",
            Token);
        for (var i = 0; await export.StartRowAsync(Token) == 1; i++)
        {
            Assert.Equal(i, await export.ReadAsync<double>(Token));
        }
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task What_was_committed_in_a_folder_survives_a_kill(bool open)
    {
        TestLength.SkipUnlessShare();
        var folder = Path.Combine(Path.GetTempPath(), $"tidemark-timescale-{Guid.NewGuid():N}");
        var (port, acknowledged) = (0, 0);
        try
        {
            for (var kill = 0; kill < 3; kill++)
            {
                await using var server = await WasmTimescale.StartAsync(folder, port);
                Assert.False(await server.ResetAsync());
                port = server.Port;
                await using var source = NpgsqlDataSource.Create(server.ConnectionString);
                await using var connection = await source.OpenConnectionAsync(Token);
                await ScalarAsync(connection, "CREATE TABLE IF NOT EXISTS t (time timestamptz NOT NULL, i int); SELECT "
                    + "create_hypertable('t', 'time', if_not_exists => true); ALTER TABLE t SET (timescaledb.compress)");
                Assert.Equal((long)acknowledged, await ScalarAsync(connection, "SELECT count(*) FROM t"));
                for (var i = 0; i < 50; i++)
                {
                    await ScalarAsync(
                        connection,
                        $"INSERT INTO t VALUES ('2026-03-01'::timestamptz + {acknowledged++} * INTERVAL '1 hour', {i})");
                }

                await ScalarAsync(
                    connection,
                    open ? "BEGIN; DELETE FROM t" : "SELECT count(compress_chunk(c, true)) FROM show_chunks('t') c");
                await server.KillAsync();
                await Assert.ThrowsAnyAsync<NpgsqlException>(() => ScalarAsync(connection, "COMMIT"));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task The_database_ends_with_the_process_that_started_it()
    {
        TestLength.SkipUnlessShare();
        using var holder = WasmHolder.Start();
        var id = int.Parse((await holder.StandardOutput.ReadLineAsync(Token))!, CultureInfo.InvariantCulture);
        using var database = Process.GetProcessById(id);
        Assert.False(database.HasExited);
        holder.Kill();
        await database.WaitForExitAsync(Token).WaitAsync(TimeSpan.FromMinutes(1), Token);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Token);
    }

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var command = _source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(Token);
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(Token);
    }
}
