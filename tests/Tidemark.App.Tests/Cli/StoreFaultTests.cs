using System.Text.RegularExpressions;
using DuckDB.NET.Data;
using Tidemark.Store.Tests.Timescale;

namespace Tidemark.App.Tests.Cli;

public sealed partial class StoreFaultTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("status"), InlineData("refresh"), InlineData("maintain"), InlineData("verify")]
    public async Task Without_a_store_a_command_says_how_to_make_one_and_makes_none(string verb)
    {
        await FailAsync($"there is no store in {_folder.Data}: run 'tidemark init' or 'tidemark demo', or name another with --store", verb);
        Assert.False(Directory.Exists(_folder.Data));
    }

    [Theory]
    [InlineData("status"), InlineData("generate"), InlineData("serve")]
    public async Task A_corrupt_file_is_named_and_left_alone(string verb)
    {
        Directory.CreateDirectory(_folder.Data);
        var file = Path.Combine(_folder.Data, "tidemark.duckdb");
        var noise = new byte[20_000];
        new Random(1).NextBytes(noise);
        File.WriteAllBytes(file, noise);
        await FailAsync($"{file} is damaged or not a DuckDB database: restore it from a backup or name another folder", verb);
        Assert.Equal(noise, File.ReadAllBytes(file));
    }

    [Fact]
    public async Task A_database_of_something_else_is_refused()
    {
        Directory.CreateDirectory(_folder.Data);
        var file = Path.Combine(_folder.Data, "tidemark.duckdb");
        using (var database = new DuckDBConnection($"Data Source={file}"))
        {
            database.Open();
            using var command = database.CreateCommand();
            command.CommandText = "CREATE TABLE invoices (id INTEGER)";
            command.ExecuteNonQuery();
        }

        await FailAsync($"{file} is a DuckDB database of something else: name another folder", "init");
    }

    [Fact]
    public async Task A_second_process_learns_who_has_the_store()
    {
        var first = _folder.Start("generate", "--days", "1", "--live");
        await first.WaitForAsync(LiveLine());
        await FailAsync($"the store in {_folder.Data} is open in another process (process {first.Id}): stop it, or go through its server "
            + "with --store http://HOST:PORT", "status");
        Assert.Equal(0, (await first.InterruptAsync()).ExitCode);
        await _folder.SucceedAsync("status");
    }

    [Fact]
    public async Task A_file_in_the_folders_place_is_named()
    {
        File.WriteAllText(_folder.Data, "");
        var result = await _folder.RunAsync("init");
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith($"tidemark: {_folder.Data} can't be written: ", result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task A_read_only_file_system_is_one_line()
    {
        using var disk = SmallDisk.Mount(_folder.Data, "4m");
        disk.MakeReadOnly();
        await FailAsync(
            $"{_folder.Data} can't be written: check its owner and permissions, and that its file system isn't read-only",
            "init");
    }

    [Fact]
    public async Task A_full_disk_is_one_line_and_keeps_what_was_there()
    {
        using var disk = SmallDisk.Mount(_folder.Data, "8m");
        await _folder.SucceedAsync("generate", "--days", "1", "--sensors", "1");
        var result = await _folder.RunAsync("generate", "--days", "365");
        Assert.Equal(1, result.ExitCode);

        // Where writing takes long, lines of progress come before.
        var told = result.Error.TrimEnd('\n').Split('\n');
        Assert.Equal(
            $"tidemark: the disk of {_folder.Data} is full: free some space and try again; what was acknowledged is kept", told[^1]);
        Assert.All(told[..^1], line => Assert.StartsWith("generate ", line, StringComparison.Ordinal));
        disk.Enlarge("64m");
        Assert.Contains(" 0 differ", await _folder.SucceedAsync("verify"), StringComparison.Ordinal);
        Assert.Matches(
            @"generate: .* 0 replaced, 1,44[01] unchanged",
            await _folder.SucceedAsync("generate", "--days", "1", "--sensors", "1"));
    }

    private async Task FailAsync(string message, params string[] arguments)
    {
        var result = await _folder.RunAsync(arguments);
        Assert.Equal($"tidemark: {message}\n", result.Error);
        Assert.Equal("", result.Output);
        Assert.Equal(1, result.ExitCode);
    }

    [GeneratedRegex("live: ")]
    private static partial Regex LiveLine();
}
