using System.Text.RegularExpressions;

namespace Tidemark.App.Tests.Cli;

public sealed partial class DemoTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_fills_a_store_serves_it_and_names_three_calls_that_work()
    {
        var demo = _folder.Start("demo", "--urls", "http://127.0.0.1:0");
        var calls = await demo.WaitForAsync(ThreeCalls());
        using var http = new HttpClient();
        foreach (var call in calls.Groups[1].Captures.Select(c => c.Value))
        {
            Assert.Contains("sensor_001", await http.GetStringAsync(call), StringComparison.Ordinal);
        }

        var result = await demo.InterruptAsync();
        Assert.Equal(0, result.ExitCode);
        var steps = result.Output.Split('\n');
        Assert.Matches(@"^Step +Result +Time", steps[0]);
        Assert.Matches(@"^init +duckdb:\S+ +\d", steps[1]);
        Assert.Matches(@"^generate +432,010 written, 0 replaced, 0 unchanged +\d", steps[2]);
        Assert.Matches(@"^refresh hourly +7,[12]\d0 rows, watermark \S+Z +\d", steps[3]);
        Assert.Matches(@"^refresh daily +(290|300) rows, watermark \S+Z +\d", steps[4]);
        Assert.Matches(@"^refresh monthly +\d+ rows, watermark \S+ +\d", steps[5]);
        Assert.Matches(@"^together +\d", steps[6]);
    }

    [Fact]
    public async Task A_second_time_it_extends()
    {
        await _folder.SucceedAsync("demo", "--no-serve");
        Assert.Matches(@"generate +[0-9,]+ written, 0 replaced, 43[12],\d{3} unchanged", await _folder.SucceedAsync("demo", "--no-serve"));
    }

    [GeneratedRegex(@"(?:  curl '?(http://127\.0\.0\.1:\d+/api/sensors[^\s']*)'?\n){3}")]
    internal static partial Regex ThreeCalls();
}
