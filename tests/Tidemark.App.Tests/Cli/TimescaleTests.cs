using System.Text.Json;
using System.Text.RegularExpressions;
using Npgsql;
using Tidemark.App.Tests.Mqtt;
using Tidemark.Store.Tests.Timescale;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Cli;

/// <summary>The same commands on a TimescaleDB store, named by its URI; the password comes from the environment.</summary>
public sealed partial class TimescaleTests : IAsyncLifetime
{
    private readonly CliFolder _folder = new();
    private TimescaleDatabase _database = null!;
    private string _uri = null!;
    private string _password = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await TimescaleDatabase.CreateAsync();
        var settings = new NpgsqlConnectionStringBuilder(_database.ConnectionString);
        _uri = $"postgresql://{settings.Username}@{settings.Host}:{settings.Port}/{settings.Database}"
            + (_database.IsReal ? "" : "?sslmode=disable");
        _password = settings.Password ?? "any";
    }

    public async ValueTask DisposeAsync()
    {
        _folder.Dispose();
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    [Fact]
    public async Task Every_verb_works()
    {
        TestLength.SkipUnlessShare();
        Assert.Contains("is ready: 3 metrics, aggregates hourly, daily, monthly", await SucceedAsync("init"), StringComparison.Ordinal);
        Assert.Contains(
            ": 98 written, 0 replaced, 0 unchanged",
            await SucceedAsync("generate", "--days", "2", "--sensors", "2", "--interval", "3600"),
            StringComparison.Ordinal);
        Assert.Matches(
            @"generate: .*: \d written, 0 replaced, 9\d unchanged",
            await SucceedAsync("generate", "--days", "2", "--sensors", "2", "--interval", "3600"));
        _folder.Write("more.csv", "time,sensor_id,temperature\n2026-01-01T00:00:00Z,boiler,61.5\n2026-01-01T01:00:00Z,boiler,62\n");
        Assert.Contains("2 written", await SucceedAsync("import", "more.csv"), StringComparison.Ordinal);

        // The database's own job may have come first.
        Assert.Matches(@"(?m)^would refresh hourly: (new \[|nothing new)", await SucceedAsync("refresh", "--dry-run"));
        Assert.Matches(@"(?m)^refresh hourly: \d+ rows? in ", await SucceedAsync("refresh"));
        Assert.Matches(@"(?m)^verify: \d+ buckets checked, 0 differ", await SucceedAsync("verify"));
        Assert.Matches(@"(?m)^retain: dropped 0 chunks ", await SucceedAsync("maintain"));
        await SucceedAsync("export", "hourly", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z", "--output", "hours.csv");
        var lines = await File.ReadAllLinesAsync(Path.Combine(_folder.Path, "hours.csv"));
        Assert.Equal(3, lines.Length);
        Assert.Contains("boiler", lines[1], StringComparison.Ordinal);
        var status = JsonDocument.Parse(await SucceedAsync("status", "--json")).RootElement;
        Assert.Equal((3, 3), (status.GetProperty("sensors").GetInt32(), status.GetProperty("aggregates").GetArrayLength()));
        Assert.DoesNotContain(_password + "@", status.GetProperty("location").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Init_warns_of_jobs_that_do_not_run()
    {
        TestLength.SkipUnlessShare();
        Assert.SkipWhen(_database.IsReal, "a server runs them");
        const string Instead = "; tidemark serve does their work once it is overdue; "
            + "docs/operations.md, \"When something is wrong\", says what helps\n";
        var result = await _folder.Start(Environment, "init", "--store", _uri).EndAsync();
        Assert.Equal((0, $"warning: the database has begun none of its jobs in 5 s{Instead}"), (result.ExitCode, result.Error));

        await using var connection = new NpgsqlConnection(_database.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            UPDATE _timescaledb_internal.bgw_job_stat
            SET last_start = now(), last_finish = now(), next_start = now() + INTERVAL '1 hour', last_run_success = false
            """,
            connection);
        await command.ExecuteNonQueryAsync();
        result = await _folder.Start(Environment, "init", "--store", _uri).EndAsync();
        Assert.Equal(
            (0, $"warning: of the database's jobs, 'compress' has failed: see timescaledb_information.job_errors{Instead}"),
            (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task A_server_over_it_answers_like_any_other()
    {
        await SucceedAsync("generate", "--days", "2", "--sensors", "2", "--interval", "3600");
        var server = _folder.Start(Environment, "serve", "--urls", "http://127.0.0.1:0", "--store", _uri);
        using var http = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()) };
        var hours = JsonDocument.Parse(await http.GetStringAsync("/api/sensors/sensor_001/hourly?period=1d")).RootElement;
        Assert.Equal(24, hours.GetProperty("data_points").GetInt32());
        Assert.Equal(1, hours.GetProperty("data")[0].GetProperty("reading_count").GetInt32());
        Assert.Contains("healthy", await http.GetStringAsync("/api/health"), StringComparison.Ordinal);
        var jobs = JsonDocument.Parse(await http.GetStringAsync("/api/status")).RootElement.GetProperty("jobs").EnumerateArray()
            .Select(j => j.GetProperty("name").GetString());
        Assert.Equal(["compress", "forget", "refresh daily", "refresh fleet", "refresh hourly", "refresh monthly"], jobs);
        Assert.Equal(0, (await server.TerminateAsync()).ExitCode);
    }

    [Fact]
    public async Task A_server_that_starts_before_its_database_waits_for_it()
    {
        TestLength.SkipUnlessShare();
        Assert.SkipWhen(_database.IsReal, "the database of the tests is up already");
        var port = Mosquitto.FreePort();
        var server = _folder.Start(
            Environment, "serve", "--urls", "http://127.0.0.1:0", "--store",
            $"postgresql://postgres@127.0.0.1:{port}/{WasmTimescale.Database}?sslmode=disable");
        await server.WaitForAsync(Waits());
        await using var database = await WasmTimescale.StartAsync(port: port);
        using var http = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()) };
        Assert.Contains("healthy", await http.GetStringAsync("/api/health"), StringComparison.Ordinal);
        Assert.Equal(0, (await server.TerminateAsync()).ExitCode);
    }

    [Fact]
    public async Task The_demo_fills_it_serves_it_and_names_three_calls_that_work()
    {
        TestLength.SkipUnlessShare();
        var demo = _folder.Start(Environment, "demo", "--urls", "http://127.0.0.1:0", "--store", _uri);
        await demo.UrlAsync();
        var calls = await demo.WaitForAsync(DemoTests.ThreeCalls());
        using var http = new HttpClient();
        foreach (var call in calls.Groups[1].Captures.Select(c => c.Value))
        {
            Assert.Contains("sensor_001", await http.GetStringAsync(call), StringComparison.Ordinal);
        }

        var result = await demo.InterruptAsync();
        Assert.Equal(0, result.ExitCode);
        var steps = result.Output.Split('\n');
        Assert.Matches(@"^init +postgresql://\S+ +\d", steps[1]);
        Assert.Matches(@"^generate +432,010 written, 0 replaced, 0 unchanged +\d", steps[2]);
        Assert.Matches(@"^refresh hourly +\d[\d,]* rows?, watermark \S+Z +\d", steps[3]);
        Assert.DoesNotContain(_password + "@", result.Output + result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_disk_is_one_line_and_keeps_what_was_there()
    {
        await using var database = await SmallTablespace.CreateAsync();
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        _uri = $"postgresql://{settings.Username}@{settings.Host}:{settings.Port}/{settings.Database}";
        _folder.Write("tidemark.json", """{ "maintenance": "external" }""");
        await SucceedAsync("generate", "--days", "2", "--sensors", "2");
        await database.FillAsync();
        foreach (var arguments in (string[][])[["generate", "--days", "30", "--sensors", "2"], ["refresh"]])
        {
            var result = await _folder.Start(Environment, [.. arguments, "--store", _uri]).EndAsync();
            Assert.Equal(1, result.ExitCode);
            Assert.Equal($"tidemark: the disk of {_uri.Replace(settings.Username + "@", "", StringComparison.Ordinal)} is full: free some "
                + "space and try again; what was acknowledged is kept\n", result.Error);
        }

        database.MakeRoom();
        Assert.Matches(
            @"generate: .*: \d+ written, 0 replaced, 5,7[56]\d unchanged",
            await SucceedAsync("generate", "--days", "2", "--sensors", "2"));
        await SucceedAsync("refresh");
        Assert.Matches(@"(?m)^verify: [\d,]+ buckets checked, 0 differ, 0 wait", await SucceedAsync("verify"));
    }

    [Fact]
    public async Task An_append_only_store_takes_a_file_and_a_generated_history_once()
    {
        TestLength.SkipUnlessShare();
        _folder.Write("tidemark.json", """{ "append_only": true }""");
        _folder.Write(
            "more.csv",
            "time,sensor_id,temperature\n2026-01-01T00:00:00Z,boiler,61.5\n"
                + "2026-01-01T01:00:00Z,boiler,62\n2026-01-01T01:00:00Z,boiler,62\n");
        Assert.Contains(
            "3 appended, 0 of this load were there (append-only",
            await SucceedAsync("import", "more.csv"),
            StringComparison.Ordinal);
        Assert.Contains("0 appended, 3 of this load were there", await SucceedAsync("import", "more.csv"), StringComparison.Ordinal);
        Assert.Contains("3 appended, 0 of", await SucceedAsync("import", "more.csv", "--import-id", "again"), StringComparison.Ordinal);

        // Read in another way it is another import.
        Assert.Contains(
            "3 appended, 0 of",
            await SucceedAsync("import", "more.csv", "--map", "humidity=temperature"),
            StringComparison.Ordinal);

        // Days between two readings: now is on the same step of the grid both times.
        string[] generate = ["generate", "--days", "60", "--sensors", "2", "--interval", "2592000", "--json"];
        var first = JsonDocument.Parse(await SucceedAsync(generate)).RootElement;
        var second = JsonDocument.Parse(await SucceedAsync(generate)).RootElement;
        Assert.True(first.GetProperty("append_only").GetBoolean());
        Assert.Equal(
            (first.GetProperty("written").GetInt64(), 0),
            (second.GetProperty("unchanged").GetInt64(), second.GetProperty("written").GetInt64()));
        Assert.Contains("append-only: readings have no key", await SucceedAsync("status"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_without_the_file_uses_the_settings_of_the_database()
    {
        TestLength.SkipUnlessShare();
        using var other = new CliFolder();
        StoredConfigurationTests.WriteReadings(_folder, other);
        var settings = $$"""{ "maintenance": "external", "compress_after": "90d", {{StoredConfigurationTests.Aggregates}} }""";
        _folder.Write("tidemark.json", settings);
        await SucceedAsync("import", "early.ndjson");
        await SucceedAsync("refresh");
        await SucceedAsync(other, "import", "late.ndjson");
        await SucceedAsync(other, "refresh");
        Assert.Contains(" 0 differ, 0 wait", await SucceedAsync("verify"), StringComparison.Ordinal);
        Assert.Matches(@"(?m),39,2\r?$", await SucceedAsync(other, "export", "peak_hours", "--to", "2026-08-11T00:00:00Z"));
        var check = JsonDocument.Parse(await SucceedAsync(other, "check")).RootElement;
        Assert.Equal(["external", "90d"], new[] { "maintenance", "compress_after" }.Select(name => check.GetProperty(name).GetString()));
        var status = JsonDocument.Parse(await SucceedAsync(other, "status", "--json")).RootElement;
        Assert.Equal(0, status.GetProperty("jobs").GetArrayLength());

        other.Write("tidemark.json", """{ "retention": "365d", "maintenance": "server" }""");
        var refused = await RunAsync(other, "import", "late.ndjson");
        var changes = ": retention 365d instead of never, maintenance server instead of external: ";
        Assert.Contains(changes, refused.Error, StringComparison.Ordinal);
        Assert.Single(refused.Error.TrimEnd().Split('\n'));
        Assert.Equal(1, refused.ExitCode);
        var init = await RunAsync(other, "init");
        Assert.Equal("changed: retention 365d instead of never\nchanged: maintenance server instead of external\n", init.Error);
        Assert.Equal("", (await RunAsync(other, "import", "late.ndjson")).Error);
    }

    [Fact]
    public async Task A_database_of_an_earlier_version_keeps_what_it_is_opened_with_next()
    {
        TestLength.SkipUnlessShare();
        _folder.Write("tidemark.json", """{ "append_only": true, "maintenance": "external" }""");
        await SucceedAsync("init");
        await using (var connection = new NpgsqlConnection(_database.ConnectionString))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = "DELETE FROM tidemark.settings WHERE name IN ('fingerprint', 'configuration')";
            Assert.Equal(2, await command.ExecuteNonQueryAsync());
        }

        Assert.DoesNotContain("changed", (await RunAsync(_folder, "status")).Error, StringComparison.Ordinal);
        File.Delete(Path.Combine(_folder.Path, "tidemark.json"));
        _folder.Write("more.csv", "time,sensor_id,temperature\n2026-01-01T00:00:00Z,boiler,61.5\n");
        Assert.Contains("1 appended, 0 of", await SucceedAsync("import", "more.csv"), StringComparison.Ordinal);
        Assert.Contains("0 appended, 1 of", await SucceedAsync("import", "more.csv"), StringComparison.Ordinal);
    }

    private (string, string)[] Environment => [("PGPASSWORD", _password)];

    private Task<string> SucceedAsync(params string[] arguments) => SucceedAsync(_folder, arguments);

    private async Task<string> SucceedAsync(CliFolder folder, params string[] arguments)
    {
        var result = await RunAsync(folder, arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)} ended with {result.ExitCode}: {result.Error}{result.Output}");
        return result.Output;
    }

    private Task<CliResult> RunAsync(CliFolder folder, params string[] arguments)
        => folder.Start(Environment, [.. arguments, "--store", _uri]).EndAsync();

    [GeneratedRegex("can't be reached: check that the server is up.*; waits for it up to a minute")]
    private static partial Regex Waits();
}
