using Npgsql;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>
/// A database whose tables are on a small file system of its own, while the server's log of writes stays where it is. Needs root on the
/// server's own
/// machine; the test is skipped elsewhere.
/// </summary>
internal sealed class SmallTablespace : IAsyncDisposable
{
    private readonly string _name = $"tidemark_small_{Guid.NewGuid():N}";
    private readonly string _path = Directory.CreateTempSubdirectory("tidemark-small-").FullName;
    private readonly NpgsqlConnectionStringBuilder _server;
    private readonly SmallDisk _disk;

    private SmallTablespace(string server)
    {
        _server = new NpgsqlConnectionStringBuilder(server) { Pooling = false, Database = "postgres" };
        _disk = SmallDisk.Mount(_path, "128m");
    }

    public string ConnectionString
        => new NpgsqlConnectionStringBuilder(_server.ConnectionString) { Database = _name, Pooling = true }.ConnectionString;

    public static async Task<SmallTablespace> CreateAsync()
    {
        TimescaleDatabase.SkipWithoutServer();
        var small = new SmallTablespace(Environment.GetEnvironmentVariable("TIDEMARK_TEST_TIMESCALE")!);
        try
        {
            var data = (string)(await small.ScalarAsync("SHOW data_directory"))!;
            Assert.SkipUnless(
                Directory.Exists(data),
                "the TimescaleDB server isn't on this machine: a small file system can't be mounted for it");
            small._disk.GiveTo(data);
            await small.ScalarAsync($"CREATE TABLESPACE {small._name} LOCATION '{small._path}'");
            await small.ScalarAsync($"CREATE DATABASE {small._name} TEMPLATE template0 TABLESPACE {small._name}");
            return small;
        }
        catch
        {
            await small.DisposeAsync();
            throw;
        }
    }

    /// <summary>Leaves no byte free.</summary>
    public async Task FillAsync()
    {
        // A new database's files have holes until a checkpoint: without room then, every checkpoint of the server would fail.
        await ScalarAsync("CHECKPOINT");
        using var file = File.Create(Filler);
        try
        {
            for (var block = new byte[4096]; ; file.Flush(flushToDisk: false))
            {
                file.Write(block);
            }
        }
        catch (IOException)
        {
            // That it ends so is what is wanted.
        }
    }

    public void MakeRoom() => File.Delete(Filler);

    public async ValueTask DisposeAsync()
    {
        MakeRoom();
        await ScalarAsync($"DROP DATABASE IF EXISTS {_name} WITH (FORCE)");
        await ScalarAsync($"DROP TABLESPACE IF EXISTS {_name}");
        _disk.Dispose();
        Directory.Delete(_path);
    }

    private string Filler => Path.Combine(_path, "filler");

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(_server.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        return await command.ExecuteScalarAsync();
    }
}
