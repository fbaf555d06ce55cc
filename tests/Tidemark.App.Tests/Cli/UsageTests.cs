namespace Tidemark.App.Tests.Cli;

public sealed class UsageTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("generate --days 0", "--days '0' is not a whole number from 1 to 36500; see tidemark generate --help")]
    [InlineData("generate --days 1.5", "--days '1.5' is not a whole number from 1 to 36500; see tidemark generate --help")]
    [InlineData("generate --sensors -3", "--sensors '-3' is not a whole number from 1 to 100000; see tidemark generate --help")]
    [InlineData("generate --interval 60s", "--interval '60s' is not a whole number from 1 to 2678400; see tidemark generate --help")]
    [InlineData("generate --seed x", "--seed 'x' is not a whole number from 0 to 2147483647; see tidemark generate --help")]
    [InlineData("generate --late 1.1", "--late '1.1' is not a number from 0 to 1; see tidemark generate --help")]
    [InlineData("generate --gaps NaN", "--gaps 'NaN' is not a number from 0 to 1; see tidemark generate --help")]
    [InlineData(
        "refresh --from yesterday",
        "--from 'yesterday' is not a time such as 2026-01-31T10:00:00Z, or epoch milliseconds; see tidemark refresh --help")]
    [InlineData(
        "refresh --from 2026-01-02T00:00:00Z --to 2026-01-02T00:00:00Z",
        "--from 2026-01-02T00:00:00Z is not before --to 2026-01-02T00:00:00Z; see tidemark refresh --help")]
    [InlineData(
        "status --store mysql://x",
        "--store 'mysql://x' is not duckdb:FOLDER, postgresql://… or http(s)://HOST:PORT; see tidemark status --help")]
    [InlineData("verify hourly daily", "Unrecognized command or argument 'daily'; see tidemark verify --help")]
    [InlineData("frobnicate", "Unrecognized command or argument 'frobnicate'; see tidemark --help")]
    public async Task Wrong_usage_is_one_line_and_exit_code_2(string arguments, string message)
    {
        var result = await _folder.RunAsync(arguments.Split(' '));
        Assert.Equal($"tidemark: {message}\n", result.Error);
        Assert.Equal("", result.Output);
        Assert.Equal(2, result.ExitCode);
    }

    [Fact]
    public async Task Without_a_command_the_help_names_every_verb()
    {
        var result = await _folder.RunAsync();
        Assert.Equal(2, result.ExitCode);
        foreach (var verb in new[] { "init", "generate", "refresh", "serve", "status", "maintain", "verify", "check", "demo" })
        {
            Assert.Contains($"\n  {verb} ", result.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named_in_a_line_without_secrets()
    {
        var result = await _folder.RunAsync("status", "--store", "postgresql://u:secret@127.0.0.1:1/x");
        Assert.StartsWith(
            "tidemark: postgresql://127.0.0.1:1/x can't be reached: check that the server is up, its host and port",
            result.Error,
            StringComparison.Ordinal);
        Assert.Single(result.Error, c => c == '\n');
        Assert.Equal(1, result.ExitCode);
    }
}
