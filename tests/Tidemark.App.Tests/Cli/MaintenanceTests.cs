using System.Text.Json;
using DuckDB.NET.Data;

namespace Tidemark.App.Tests.Cli;

public sealed class MaintenanceTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Init_can_be_run_again()
    {
        var line = $"duckdb:{_folder.Data} is ready: 3 metrics, aggregates hourly, daily, monthly\n";
        Assert.Equal(line, await _folder.SucceedAsync("init"));
        Assert.Equal(line, await _folder.SucceedAsync("init"));
    }

    [Fact]
    public async Task A_schema_that_cannot_be_reconciled_is_refused_with_the_difference()
    {
        await _folder.SucceedAsync("init");
        _folder.Write("tidemark.json", """{ "aggregates": [{ "name": "hourly", "bucket": "2 hours" }] }""");
        var result = await _folder.RunAsync("init");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("its aggregate 'hourly' is 1 hour from sensor_data", result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Refresh_prints_one_line_for_each_aggregate_and_does_nothing_twice()
    {
        await GenerateAsync();
        var plan = (await _folder.SucceedAsync("refresh", "--dry-run")).TrimEnd().Split('\n');
        Assert.Equal(3, plan.Length);
        Assert.Matches(@"^would refresh hourly: new \[[^ ]+Z, [^ ]+Z\), 0 invalid buckets$", plan[0]);

        var lines = (await _folder.SucceedAsync("refresh")).TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Matches(@"^refresh hourly: 9[68] rows in \d.*s, watermark \d{4}-.*Z$", lines[0]);
        Assert.Matches(@"^refresh daily: [4-6] rows in \d.*s, watermark \d{4}-.*T00:00:00Z$", lines[1]);
        Assert.Matches(@"^refresh monthly: \d rows? in \d.*s, watermark (none|\d{4}-.*-01T00:00:00Z)$", lines[2]);

        Assert.Matches(@"^refresh daily: 0 rows in ", (await _folder.SucceedAsync("refresh")).Split('\n')[1]);
    }

    [Fact]
    public async Task Refresh_of_one_aggregate_takes_its_sources_and_no_more()
    {
        await GenerateAsync();
        var results = JsonDocument.Parse(await _folder.SucceedAsync("refresh", "daily", "--json")).RootElement;
        Assert.Equal(["hourly", "daily"], results.EnumerateArray().Select(r => r.GetProperty("aggregate").GetString()));

        var result = await _folder.RunAsync("refresh", "weekly");
        Assert.Equal("tidemark: there is no aggregate 'weekly'; there are hourly, daily, monthly\n", result.Error);
        Assert.Equal(1, result.ExitCode);
    }

    [Fact]
    public async Task Maintain_compresses_old_chunks_and_drops_what_is_older_than_retention()
    {
        _folder.Write("tidemark.json", """
            {
              "chunk_interval": "1d",
              "retention": "5d",
              "compress_after": "1d",
              "aggregates": [{ "name": "hourly", "bucket": "1 hour" }, { "name": "daily", "bucket": "1 day" }]
            }
            """);
        await _folder.SucceedAsync("generate", "--days", "10", "--sensors", "2", "--interval", "3600");
        var lines = (await _folder.SucceedAsync("maintain")).TrimEnd().Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.Matches(
            @"^retain: dropped [456] chunks with [12]\d\d readings and 0 aggregate rows, raw horizon \d{4}-.*T00:00:00Z$",
            lines[0]);
        Assert.Matches(@"^compress: 1 chunk, .*iB before and .*iB after$", lines[1]);

        // What is older than the horizon is not generated again, because the store would refuse it.
        Assert.Contains(
            " 0 replaced",
            await _folder.SucceedAsync("generate", "--days", "10", "--sensors", "2", "--interval", "3600"),
            StringComparison.Ordinal);
        Assert.Contains("compressed: ", await _folder.SucceedAsync("status"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_fails_on_a_bucket_that_differs_and_names_it()
    {
        await GenerateAsync();
        await _folder.SucceedAsync("refresh");
        Assert.Matches(@"^verify: 1\d\d buckets checked, 0 differ, 0 wait for a refresh\n$", await _folder.SucceedAsync("verify"));

        using (var database = new DuckDBConnection($"Data Source={Path.Combine(_folder.Data, "tidemark.duckdb")}"))
        {
            database.Open();
            using var command = database.CreateCommand();
            command.CommandText = "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE table_name LIKE '%hourly%'";
            var table = command.ExecuteScalar();
            command.CommandText = $"UPDATE {table} SET reading_count = reading_count + 1 WHERE bucket = (SELECT max(bucket) FROM {table})";
            Assert.Equal(2, command.ExecuteNonQuery());
        }

        var result = await _folder.RunAsync("verify", "hourly");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal("", result.Error);
        Assert.Matches(@"^hourly sensor_00\d .*Z: reading_count ", result.Output);
        Assert.Contains(" 2 differ", result.Output, StringComparison.Ordinal);
    }

    private Task<string> GenerateAsync() => _folder.SucceedAsync("generate", "--days", "2", "--sensors", "2", "--interval", "3600");
}
