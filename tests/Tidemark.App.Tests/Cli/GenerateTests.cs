using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tidemark.App.Tests.Cli;

public sealed partial class GenerateTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Thirty_days_of_ten_sensors_are_432010_readings()
    {
        var output = await _folder.SucceedAsync("generate");
        Assert.Contains(": 432,010 written, 0 replaced, 0 unchanged in ", output, StringComparison.Ordinal);
        Assert.Matches("sensor_data: 432,010 readings in [56] chunks", await _folder.SucceedAsync("status"));
    }

    [Fact]
    public async Task Generating_again_extends_and_never_doubles()
    {
        var first = await GenerateAsync("--days", "1");
        Assert.Equal(0, first.Unchanged);
        Assert.Equal(3 * 25, first.Written);

        var second = await GenerateAsync("--days", "2");
        Assert.Equal(3 * 49, second.Written + second.Unchanged);
        Assert.Equal(0, second.Replaced);
        Assert.Equal(3 * (((second.To - second.From).TotalHours) + 1), await ReadingsAsync());

        var third = await GenerateAsync("--days", "2");
        Assert.True(third.Unchanged >= 3 * 48);
        Assert.Equal(0, third.Replaced);
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_readings_and_another_one_others()
    {
        await GenerateAsync("--days", "1", "--seed", "7");
        Assert.Equal(0, (await GenerateAsync("--days", "1", "--seed", "7")).Replaced);
        Assert.True((await GenerateAsync("--days", "1", "--seed", "8")).Replaced > 3 * 20);
    }

    [Fact]
    public async Task Gaps_are_missing_and_late_readings_and_duplicates_change_nothing()
    {
        var all = await GenerateAsync("--days", "30", "--gaps", "0.2", "--late", "0.3", "--duplicates", "0.3");
        Assert.InRange(all.Written, 3 * 721 * 0.7, 3 * 721 * 0.9);
        Assert.Equal(all.Written, await ReadingsAsync());
        Assert.Equal(0, all.Replaced);
    }

    [Fact]
    public async Task Live_goes_on_until_Ctrl_C_which_is_no_failure()
    {
        var process = _folder.Start("generate", "--days", "1", "--sensors", "3", "--interval", "1", "--live");
        await process.WaitForAsync(LiveLine());
        var log = LogLength();
        while (LogLength() <= log)
        {
            await Task.Delay(20);
        }

        var result = await process.InterruptAsync();
        Assert.Equal(0, result.ExitCode);
        var written = int.Parse(Written().Match(result.Error).Groups[1].Value);
        Assert.True(written >= 3, result.Error);
        Assert.Equal(0, written % 3);
        Assert.Equal((3 * 86_401) + written, await ReadingsAsync());
    }

    [Fact]
    public async Task Ctrl_C_ends_it_with_130_and_leaves_a_sound_store()
    {
        var process = _folder.Start("generate", "--days", "3000", "--sensors", "50");
        while (LogLength() == 0)
        {
            await Task.Delay(10);
        }

        var result = await process.InterruptAsync();
        Assert.Equal("tidemark: cancelled\n", result.Error);
        Assert.Equal(130, result.ExitCode);
        await _folder.SucceedAsync("init");
        await _folder.SucceedAsync("refresh");
        Assert.Contains(" 0 differ", await _folder.SucceedAsync("verify"), StringComparison.Ordinal);
    }

    private long LogLength() => new FileInfo(Path.Combine(_folder.Data, "tidemark.duckdb.wal")) is { Exists: true } log ? log.Length : 0;

    private async Task<long> ReadingsAsync()
        => JsonDocument.Parse(await _folder.SucceedAsync("status", "--json")).RootElement.GetProperty("hypertables")[0].GetProperty("rows")
            .GetInt64();

    private async Task<Report> GenerateAsync(params string[] arguments)
    {
        var report = JsonDocument.Parse(
            await _folder.SucceedAsync(["generate", "--sensors", "3", "--interval", "3600", "--json", .. arguments])).RootElement;
        return new Report(
            report.GetProperty("from").GetDateTimeOffset(), report.GetProperty("to").GetDateTimeOffset(),
            report.GetProperty("written").GetInt64(), report.GetProperty("replaced").GetInt64(), report.GetProperty("unchanged")
                .GetInt64());
    }

    private sealed record Report(DateTimeOffset From, DateTimeOffset To, long Written, long Replaced, long Unchanged);

    [GeneratedRegex("live: 3 readings every 1 s")]
    private static partial Regex LiveLine();

    [GeneratedRegex(@"live: (\d+) written")]
    private static partial Regex Written();
}
