using Tidemark.App.Tests.Deploy;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Cli;

/// <summary>The two ways of docs/operations.md to back an embedded store up.</summary>
public sealed class BackupTests : IDisposable
{
    private static readonly string[] Tables = ["raw", "hourly", "daily", "monthly"];

    private readonly CliFolder _folder = new();

    private string Restored => $"duckdb:{Path.Combine(_folder.Path, "restored")}";

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_copy_of_the_folder_of_a_stopped_server_holds_everything()
    {
        TestLength.SkipUnlessShare();
        await FillAsync();
        var server = await _folder.ServeAsync();
        await server.TerminateAsync();
        await Tool.RunAsync("cp", "-a", _folder.Data, Path.Combine(_folder.Path, "restored"));
        await EqualAsync();
        await _folder.SucceedAsync("verify", "--store", Restored);
    }

    [Fact]
    public async Task An_export_of_a_running_server_imports_into_the_same_readings_and_buckets()
    {
        TestLength.SkipUnlessShare();
        await FillAsync();
        var server = await _folder.ServeAsync();
        await _folder.SucceedAsync("export", "raw", "--output", "readings.csv", "--store", await server.UrlAsync());
        await _folder.SucceedAsync("import", "readings.csv", "--store", Restored);
        await _folder.SucceedAsync("refresh", "--store", Restored);
        await EqualAsync();
    }

    private async Task FillAsync()
    {
        await _folder.SucceedAsync("generate", "--days", "3", "--sensors", "3", "--interval", "600", "--late", "0.1");
        await _folder.SucceedAsync("refresh");
    }

    private async Task EqualAsync()
    {
        foreach (var table in Tables)
        {
            var original = await SortedAsync(table);
            Assert.True(original.Length > 1, table);
            Assert.Equal(original, await SortedAsync(table, "--store", Restored));
        }
    }

    private async Task<string[]> SortedAsync(string table, params string[] arguments)
        => [.. (await _folder.SucceedAsync(["export", table, .. arguments])).Split('\n').Order(StringComparer.Ordinal)];
}
