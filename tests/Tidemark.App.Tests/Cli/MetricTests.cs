namespace Tidemark.App.Tests.Cli;

public sealed class MetricTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Metrics_are_listed_added_and_taken_away()
    {
        _folder.Write("a.ndjson", """
            {"sensor_id":"plug","time":"2026-11-22T10:00:00Z","Power (W)":12.5,"state":"idle"}
            {"sensor_id":"room","time":"2026-11-22T10:00:00Z","temperature":21}
            """);
        Assert.Contains("texts left out: state (1)", await _folder.SucceedAsync("import", "a.ndjson"), StringComparison.Ordinal);
        Assert.Equal("the store has 5 metrics\n", await _folder.SucceedAsync("metric", "add", "wind"));
        var list = (await _folder.SucceedAsync("metric", "list")).TrimEnd().Split('\n');
        Assert.Equal(6, list.Length);
        Assert.Matches(@"^Metric +Unit +Configured +First seen +Sensors", list[0]);
        Assert.Matches(@"^temperature +°C +yes +20.*Z +1", list[1]);
        Assert.Matches(@"^power_w +no +20.*Z +1", list[4]);
        Assert.Matches(@"^wind +no +0", list[5]);

        var rows = (await _folder.SucceedAsync("export", "raw", "--sensor", "plug")).Split('\n');
        Assert.Equal("time,sensor_id,temperature,humidity,pressure,power_w", rows[0].TrimEnd('\r'));
        Assert.StartsWith("2026-11-22T10:00:00Z,plug,,,,12.5", rows[1], StringComparison.Ordinal);

        Assert.Equal(
            "tidemark: all values of power_w would go: say its name twice, with --again power_w; see tidemark metric remove --help\n",
            (await _folder.RunAsync("metric", "remove", "power_w")).Error);
        var wrong = await _folder.RunAsync("metric", "remove", "power_w", "--again", "power");
        Assert.Equal(
            (2, "tidemark: 'power' is not 'power_w': nothing was taken away; see tidemark metric remove --help\n"),
            (wrong.ExitCode, wrong.Error));
        Assert.Equal(
            "power_w is taken away; the store has 4 metrics\n",
            await _folder.SucceedAsync("metric", "remove", "power_w", "--again", "power_w"));
        var configured = await _folder.RunAsync("metric", "remove", "humidity", "--again", "humidity");
        Assert.Equal(
            (1, "tidemark: the metric 'humidity' is configured: take it out of the configuration first, then remove it\n"),
            (configured.ExitCode, configured.Error));
        Assert.Equal(2, (await _folder.RunAsync("metric", "add", "Wind")).ExitCode);
    }
}
