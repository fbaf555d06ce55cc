using System.Text.Json;

namespace Tidemark.App.Tests.Cli;

/// <summary>Every verb while a server holds the store: found by its folder, and named by its address.</summary>
public sealed class RemoteTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task Every_verb_works_through_a_running_server(bool byAddress)
    {
        var server = await _folder.ServeAsync();
        string[] store = byAddress ? ["--store", await server.UrlAsync()] : [];

        Assert.Contains("is ready: 3 metrics, aggregates hourly, daily, monthly", await SucceedAsync("init"), StringComparison.Ordinal);
        Assert.Contains(
            ": 98 written, 0 replaced, 0 unchanged",
            await SucceedAsync("generate", "--days", "2", "--sensors", "2", "--interval", "3600"),
            StringComparison.Ordinal);
        Assert.Matches(
            @"generate: .*: \d written, 0 replaced, 9\d unchanged",
            await SucceedAsync("generate", "--days", "2", "--sensors", "2", "--interval", "3600"));
        Assert.Matches(@"^would refresh hourly: (new \[|nothing new)", await SucceedAsync("refresh", "--dry-run"));
        Assert.Matches(@"^refresh hourly: \d+ rows? in ", await SucceedAsync("refresh"));
        Assert.Matches(@"^verify: 1\d\d buckets checked, 0 differ", await SucceedAsync("verify"));
        Assert.Matches(@"^retain: dropped 0 chunks .*\ncompress: 0 chunks, ", await SucceedAsync("maintain"));
        Assert.Matches(@"(?s)sensor_data: \d+ readings in \d chunks?,.*refresh +\* \* \* \* \*", await SucceedAsync("status"));

        var status = JsonDocument.Parse(await SucceedAsync("status", "--json")).RootElement;
        Assert.Equal(2, status.GetProperty("sensors").GetInt64());
        Assert.Equal(3, status.GetProperty("aggregates").GetArrayLength());
        Assert.Equal(0, (await server.InterruptAsync()).ExitCode);

        Task<string> SucceedAsync(params string[] arguments) => _folder.SucceedAsync([.. arguments, .. store]);
    }

    [Fact]
    public async Task The_demo_fills_a_store_that_is_served()
    {
        await _folder.ServeAsync();
        Assert.Contains(
            "432,010 written, 0 replaced, 0 unchanged",
            await _folder.SucceedAsync("demo", "--no-serve"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_fault_of_the_caller_is_the_same_line_as_without_a_server()
    {
        await _folder.ServeAsync();
        var result = await _folder.RunAsync("refresh", "weekly");
        Assert.Equal("tidemark: there is no aggregate 'weekly'; there are hourly, daily, monthly\n", result.Error);
        Assert.Equal(1, result.ExitCode);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_one_line()
    {
        var server = await _folder.ServeAsync();
        var url = await server.UrlAsync();
        await server.InterruptAsync();
        var result = await _folder.RunAsync("status", "--store", url);
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("tidemark: ", result.Error, StringComparison.Ordinal);
        Assert.Contains(url, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task A_served_store_is_not_served_through_its_address()
    {
        var result = await _folder.RunAsync("serve", "--store", "http://127.0.0.1:5000");
        Assert.Equal(
            "tidemark: http://127.0.0.1:5000 is served already: name the store itself, such as duckdb:./tidemark-data\n",
            result.Error);
        Assert.Equal(1, result.ExitCode);
    }
}
