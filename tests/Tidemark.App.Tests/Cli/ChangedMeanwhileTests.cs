using System.Text.Json;
using Npgsql;
using Tidemark.App.Tests.Deploy;
using Tidemark.Store.Tests;
using Tidemark.Store.Tests.Timescale;

namespace Tidemark.App.Tests.Cli;

/// <summary>
/// Settings that another process changes after a command has read them and before it opens the store: they stay, and nothing of the
/// command is done by those that it has read. An import is held up in between, where it waits for its input.
/// </summary>
public sealed class ChangedMeanwhileTests : IDisposable
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "tidemark.dll");

    private readonly CliFolder _site = new();
    private readonly CliFolder _other = new();

    public void Dispose()
    {
        _other.Dispose();
        _site.Dispose();
    }

    [Fact]
    public async Task What_init_changes_stays()
    {
        var store = $"duckdb:{_site.Data}";
        await ExpectChangesStayAsync(store, [], $"the store in {_site.Data}", () => _site.SucceedAsync("init"));
    }

    [Fact]
    public async Task What_a_server_that_starts_changes_stays()
    {
        TestLength.SkipUnlessShare();
        var store = $"duckdb:{_site.Data}";
        await ExpectChangesStayAsync(store, [], $"the store {store}", () => _site.ServeAsync());
    }

    [Fact]
    public async Task What_init_changes_in_a_database_stays()
    {
        TestLength.SkipUnlessShare();
        await using var database = await TimescaleDatabase.CreateAsync();
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var location = $"{settings.Host}:{settings.Port}/{settings.Database}";
        var store = $"postgresql://{settings.Username}@{location}{(database.IsReal ? "" : "?sslmode=disable")}";
        (string, string)[] environment = [("PGPASSWORD", settings.Password ?? "any")];
        await ExpectChangesStayAsync(
            store, environment, "the store ", () => _site.Start(environment, "init", "--store", store).EndAsync());
    }

    private async Task ExpectChangesStayAsync(string store, (string, string)[] environment, string named, Func<Task> change)
    {
        _site.Write("tidemark.json", """{ "maintenance": "external", "compress_after": "90d" }""");
        await RunAsync("init");
        _other.Write("late.ndjson", """{"sensor_id":"s","time":"2026-08-10T15:00:00Z","temperature":39}""");
        var spool = Directory.CreateDirectory(Path.Combine(_other.Path, "spool")).FullName;
        _other.Write("import.sh", $"""
            cd '{_other.Path}'
            (until [ -e go ]; do sleep 0.1; done; cat late.ndjson) | dotnet '{Program}' import - --store '{store}'
            """);
        using var import = Tool.Start("sh", [Path.Combine(_other.Path, "import.sh")], [("TMPDIR", spool), .. environment]);
        while (Directory.GetFiles(spool, "tidemark-import-*").Length == 0)
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        const string Weekly = """{ "name": "hourly", "bucket": "1 hour" }, { "name": "weekly", "bucket": "1 week" }""";
        _site.Write("tidemark.json", $$"""{ "maintenance": "external", "compress_after": "30d", "aggregates": [{{Weekly}}] }""");
        await change();
        _other.Write("go", "");
        var result = await import.EndAsync();
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"tidemark: another process has opened {named}", result.Error, StringComparison.Ordinal);
        Assert.EndsWith(" with other settings meanwhile: run this again\n", result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));

        var check = JsonDocument.Parse((await RunAsync("check")).Output).RootElement;
        Assert.Equal("30d", check.GetProperty("compress_after").GetString());
        Assert.Equal(["hourly", "weekly"], check.GetProperty("aggregates").EnumerateArray().Select(a => a.GetProperty("name").GetString()));
        Assert.Contains("1 written", (await RunAsync("import", "late.ndjson")).Output, StringComparison.Ordinal);

        async Task<CliResult> RunAsync(params string[] arguments)
        {
            var folder = arguments[0] == "init" ? _site : _other;
            var result = await folder.Start(environment, [.. arguments, "--store", store]).EndAsync();
            Assert.True(result.ExitCode == 0, result.Error);
            return result;
        }
    }
}
