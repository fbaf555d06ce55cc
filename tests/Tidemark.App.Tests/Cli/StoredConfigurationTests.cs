using System.Text.Json;
using DuckDB.NET.Data;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Cli;

/// <summary>A store knows its own settings: what no file and no variable says holds as it is in the store, whatever the folder.</summary>
public sealed class StoredConfigurationTests : IDisposable
{
    internal const string Aggregates = """
        "aggregates": [
          { "name": "hourly", "bucket": "1 hour" },
          { "name": "daily", "bucket": "1 day" },
          { "name": "peak_hours", "bucket": "1 day", "table": "peak_hours", "columns": { "max_temp": "max(temperature)" } }
        ]
        """;

    // The site has the file, the other folder none.
    private readonly CliFolder _site = new();
    private readonly CliFolder _other = new();

    public void Dispose()
    {
        _site.Dispose();
        _other.Dispose();
    }

    [Fact]
    public async Task Late_data_that_came_from_another_folder_reaches_every_aggregate()
    {
        await FillAsync();
        await SucceedInOtherAsync("import", "late.ndjson");
        await _site.SucceedAsync("refresh");
        Assert.Contains(" 0 differ, 0 wait", await _site.SucceedAsync("verify"), StringComparison.Ordinal);
        await ExpectPeakAsync("2,39");
    }

    [Fact]
    public async Task Every_verb_works_in_a_folder_without_the_file()
    {
        await FillAsync();
        await SucceedInOtherAsync("import", "late.ndjson");
        Assert.Contains("refresh peak_hours: 1 row in ", await SucceedInOtherAsync("refresh"), StringComparison.Ordinal);
        Assert.Contains(" 0 differ, 0 wait", await SucceedInOtherAsync("verify"), StringComparison.Ordinal);
        await SucceedInOtherAsync("maintain");
        await SucceedInOtherAsync("generate", "--days", "1", "--sensors", "1", "--interval", "3600");
        Assert.Contains("peak_hours", await SucceedInOtherAsync("status"), StringComparison.Ordinal);
        Assert.Contains("aggregates hourly, daily, peak_hours", await SucceedInOtherAsync("init"), StringComparison.Ordinal);
        var check = JsonDocument.Parse(await SucceedInOtherAsync("check")).RootElement;
        Assert.Equal("90d", check.GetProperty("compress_after").GetString());
        Assert.Equal(3, check.GetProperty("aggregates").GetArrayLength());
        await ExpectPeakAsync("2,39");
    }

    [Theory]
    [InlineData("import", "late.ndjson"), InlineData("refresh"), InlineData("maintain"), InlineData("verify")]
    [InlineData("status"), InlineData("export", "hourly"), InlineData("generate", "--days", "1")]
    public async Task A_file_that_differs_is_refused_in_one_line_that_names_the_difference(params string[] arguments)
    {
        if (arguments[0] is not ("import" or "status"))
        {
            TestLength.SkipUnlessShare();
        }

        await FillAsync();
        _other.Write("tidemark.json", """
            {
              "retention": "365d",
              "metrics": [{ "name": "temperature", "max": 60 }, { "name": "humidity" }, { "name": "pressure" }, { "name": "wind" }],
              "aggregates": [
                { "name": "hourly", "bucket": "1 hour" },
                { "name": "daily", "bucket": "1 day", "retention": "730d" },
                { "name": "weekly", "bucket": "1 week" }
              ]
            }
            """);
        var result = await RunInOtherAsync(arguments);
        Assert.Equal(
            $"tidemark: tidemark.json would change the settings of duckdb:{_site.Data}: retention 365d instead of never, "
            + "metric temperature with max 60 instead of none, metric wind added, "
            + "aggregate daily with retention 730d instead of never, aggregate weekly added, aggregate peak_hours left out: "
            + "run 'tidemark init' to change them, or leave that out: the store knows its own settings\n",
            result.Error);
        Assert.Equal((1, ""), (result.ExitCode, result.Output));

        // Nothing of it was taken.
        File.Delete(Path.Combine(_other.Path, "tidemark.json"));
        Assert.Contains(" 0 differ, 0 wait", await SucceedInOtherAsync("verify"), StringComparison.Ordinal);
        await ExpectPeakAsync("1,20");
    }

    [Fact]
    public async Task Check_shows_what_would_hold_and_what_init_would_change()
    {
        await FillAsync();
        _site.Write("tidemark.json", """{ "compress_after": "30d" }""");
        var result = await _site.RunAsync("check");
        Assert.Equal("not applied yet: compress_after 30d instead of 90d\n", result.Error);
        Assert.Equal(0, result.ExitCode);
        var check = JsonDocument.Parse(result.Output).RootElement;
        Assert.Equal("30d", check.GetProperty("compress_after").GetString());
        Assert.Equal(3, check.GetProperty("aggregates").GetArrayLength());
        Assert.Equal(1, (await _site.RunAsync("refresh")).ExitCode);
    }

    [Fact]
    public async Task A_variable_that_differs_is_refused_by_its_name()
    {
        await FillAsync();
        (string, string)[] variable = [("TIDEMARK_STORE", $"duckdb:{_site.Data}"), ("TIDEMARK_RETENTION", "365d")];
        var result = await _other.Start(variable, "refresh").EndAsync();
        Assert.Equal(
            $"tidemark: TIDEMARK_RETENTION would change the settings of duckdb:{_site.Data}: retention 365d instead of never: "
            + "run 'tidemark init' to change them, or leave that out: the store knows its own settings\n",
            result.Error);
        Assert.Equal(1, result.ExitCode);

        Assert.Equal("changed: retention 365d instead of never\n", (await _other.Start(variable, "init").EndAsync()).Error);
        Assert.Equal(0, (await _other.Start(variable, "refresh").EndAsync()).ExitCode);
        Assert.Equal("365d", await CheckAsync("retention"));
    }

    [Theory]
    [InlineData("init"), InlineData("serve", "--urls", "http://127.0.0.1:0"), InlineData("demo", "--no-serve")]
    public async Task A_file_that_differs_is_applied_by_what_sets_a_store_up_and_it_says_so(params string[] arguments)
    {
        await FillAsync();
        var aggregates = Aggregates.Replace("]", """, { "name": "weekly", "bucket": "1 week" } ]""", StringComparison.Ordinal);
        _site.Write("tidemark.json", $$"""{ "compress_after": "30d", {{aggregates}} }""");
        var process = _site.Start(arguments);
        if (arguments[0] == "serve")
        {
            await process.UrlAsync();
            await process.TerminateAsync();
        }

        var result = await process.EndAsync();
        Assert.Equal(0, result.ExitCode);
        var changes = "changed: compress_after 30d instead of 90d\nchanged: aggregate weekly added\n";
        Assert.StartsWith(changes, result.Error, StringComparison.Ordinal);

        // From then on it is the store's own.
        Assert.Equal("", (await _site.RunAsync("init")).Error);
        Assert.Contains("refresh weekly: ", await SucceedInOtherAsync("refresh"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_that_cannot_be_applied_change_nothing()
    {
        await FillAsync();
        _site.Write("tidemark.json", """{ "compress_after": "30d", "aggregates": [{ "name": "hourly", "bucket": "2 hours" }] }""");
        var result = await _site.RunAsync("init");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("its aggregate 'hourly' is 1 hour from sensor_data", result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
        Assert.Equal("90d", await CheckAsync("compress_after"));
    }

    [Fact]
    public async Task What_a_file_does_not_say_holds_as_it_is_in_the_store()
    {
        await FillAsync();
        _other.Write("tidemark.json", """{ "max_skew": "2h", "schedule": { "refresh": "*/5 * * * *" }, "compress_after": "90d" }""");
        var check = JsonDocument.Parse(await SucceedInOtherAsync("check")).RootElement;
        Assert.Equal(["2h", "90d"], new[] { "max_skew", "compress_after" }.Select(name => check.GetProperty(name).GetString()));
        Assert.Equal(3, check.GetProperty("aggregates").GetArrayLength());
        await SucceedInOtherAsync("refresh");
    }

    [Fact]
    public async Task A_store_of_an_earlier_version_keeps_what_it_is_opened_with_next()
    {
        await FillAsync();
        using (var database = new DuckDBConnection($"Data Source={Path.Combine(_site.Data, "tidemark.duckdb")}"))
        {
            database.Open();
            using var command = database.CreateCommand();
            command.CommandText = "DELETE FROM internal.settings WHERE name = 'configuration'";
            Assert.Equal(1, command.ExecuteNonQuery());
        }

        Assert.Equal("", (await _site.RunAsync("refresh")).Error);
        Assert.Contains("peak_hours", await SucceedInOtherAsync("status"), StringComparison.Ordinal);
        Assert.Equal("90d", await CheckAsync("compress_after"));
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task Through_a_server_its_settings_hold_and_others_are_refused(bool byAddress)
    {
        await FillAsync();
        var server = await _site.ServeAsync();
        var store = byAddress ? await server.UrlAsync() : $"duckdb:{_site.Data}";
        await SucceedInOtherAsync("import", "late.ndjson", "--store", store);
        await SucceedInOtherAsync("refresh", "--store", store);
        Assert.Equal("90d", await CheckAsync("compress_after", "--store", store));
        await ExpectPeakAsync("2,39");

        _other.Write("tidemark.json", """{ "compress_after": "30d" }""");
        foreach (var arguments in (string[][])[["import", "late.ndjson"], ["refresh"], ["init"], ["demo", "--no-serve"]])
        {
            var result = await RunInOtherAsync([.. arguments, "--store", store]);
            Assert.Equal(
                $"tidemark: tidemark.json would change the settings of {store}: compress_after 30d instead of 90d: "
                + $"the server on {await server.UrlAsync()} has the store open: start it anew to change them, or leave that out\n",
                result.Error);
            Assert.Equal((1, ""), (result.ExitCode, result.Output));
        }
    }

    [Fact]
    public async Task Check_tells_when_the_store_cannot_be_asked()
    {
        _other.Write("tidemark.json", """{ "retention": "90d" }""");
        var result = await RunInOtherAsync("check", "--store", "http://127.0.0.1:9");
        Assert.Equal("90d", JsonDocument.Parse(result.Output).RootElement.GetProperty("retention").GetString());
        Assert.StartsWith("without the store's own settings: ", result.Error, StringComparison.Ordinal);
        Assert.Equal(0, result.ExitCode);
    }

    private async Task FillAsync()
    {
        _site.Write("tidemark.json", $$"""{ "compress_after": "90d", {{Aggregates}} }""");
        WriteReadings(_site, _other);
        await _site.SucceedAsync("import", "early.ndjson");
        await _site.SucceedAsync("refresh");
    }

    internal static void WriteReadings(CliFolder site, CliFolder other)
    {
        var early = new[] { 10, 11, 12 }.Select(day => $$"""{"sensor_id":"s","time":"2026-08-{{day}}T12:00:00Z","temperature":20}""");
        site.Write("early.ndjson", string.Join('\n', early));
        other.Write("late.ndjson", """{"sensor_id":"s","time":"2026-08-10T15:00:00Z","temperature":39}""");
    }

    /// <summary>The reading count and the highest temperature of the day that the late reading is of.</summary>
    private async Task ExpectPeakAsync(string countAndMaximum)
    {
        var lines = (await _site.SucceedAsync("export", "peak_hours", "--to", "2026-08-11T00:00:00Z")).TrimEnd().Split('\n');
        var row = lines[0].Split(',').Zip(lines[1].Split(',')).ToDictionary(pair => pair.First, pair => pair.Second);
        Assert.Equal(countAndMaximum, $"{row["reading_count"]},{row["max_temp"]}");
    }

    private Task<CliResult> RunInOtherAsync(params string[] arguments)
        => _other.RunAsync(arguments.Contains("--store") ? arguments : [.. arguments, "--store", $"duckdb:{_site.Data}"]);

    private async Task<string> SucceedInOtherAsync(params string[] arguments)
    {
        var result = await RunInOtherAsync(arguments);
        var text = $"{string.Join(' ', arguments)} ended with {result.ExitCode}: {result.Error}{result.Output}";
        Assert.True(result is { ExitCode: 0, Error: "" }, text);
        return result.Output;
    }

    private async Task<string?> CheckAsync(string setting, params string[] arguments)
        => JsonDocument.Parse(await SucceedInOtherAsync(["check", .. arguments])).RootElement.GetProperty(setting).GetString();
}
