using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tidemark.App.Tests.Cli;

public sealed partial class CheckTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_it_prints_can_be_read_again_and_is_the_same()
    {
        var printed = await _folder.SucceedAsync("check");
        _folder.Write("tidemark.json", printed);
        Assert.Equal(printed, await _folder.SucceedAsync("check"));

        var options = JsonDocument.Parse(printed).RootElement;
        Assert.Equal("1w", options.GetProperty("chunk_interval").GetString());
        Assert.Equal("never", options.GetProperty("retention").GetString());
        Assert.Equal("http://127.0.0.1:5000", options.GetProperty("server").GetProperty("urls").GetString());
        Assert.Equal(
            ["hourly", "daily", "monthly"],
            options.GetProperty("aggregates").EnumerateArray().Select(a => a.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task The_command_line_wins_over_the_environment_and_that_over_the_file()
    {
        _folder.Write("other.json", """{ "store": "duckdb:from-file", "max_skew": "2h", "chunk_interval": "6h" }""");
        var process = _folder.Start(
            [("TIDEMARK_STORE", "duckdb:from-environment"), ("TIDEMARK_MAX_SKEW", "3h")],
            "check",
            "--config",
            "other.json");
        var fromEnvironment = JsonDocument.Parse((await process.EndAsync()).Output).RootElement;
        Assert.Equal("duckdb:from-environment", fromEnvironment.GetProperty("store").GetString());
        Assert.Equal("3h", fromEnvironment.GetProperty("max_skew").GetString());
        Assert.Equal("6h", fromEnvironment.GetProperty("chunk_interval").GetString());

        var fromCommandLine = JsonDocument.Parse(
            await _folder.SucceedAsync("check", "--config", "other.json", "--store", "duckdb:from-command-line")).RootElement;
        Assert.Equal("duckdb:from-command-line", fromCommandLine.GetProperty("store").GetString());
    }

    [Fact]
    public async Task It_shows_every_error_and_other_commands_show_them_in_one_line()
    {
        _folder.Write("tidemark.json", """{ "retention": "3m", "max_skew": 1, "colour": "blue" }""");
        string[] errors =
        [
            "colour: there is no such setting",
            "retention: '3m' is not a whole number and s, min, h, d or w, such as 90d",
            "max_skew: '1' is not a whole number and s, min, h, d or w, such as 90d",
        ];

        var check = await _folder.RunAsync("check");
        Assert.Equal(1, check.ExitCode);
        Assert.Equal("", check.Output);
        Assert.Equal(errors.Order(), check.Error.TrimEnd().Split('\n').Select(line => line["tidemark: ".Length..]).Order());

        var status = await _folder.RunAsync("status");
        Assert.Equal(1, status.ExitCode);
        Assert.Equal(errors.Order(), status.Error.TrimEnd()["tidemark: ".Length..].Split("; ").Order());
    }

    [Theory]
    [InlineData("{ nonsense", "tidemark.json: Could not parse the JSON file.")]
    [InlineData("[]", "tidemark.json: ")]
    public async Task A_file_that_is_not_JSON_is_named(string text, string message)
    {
        _folder.Write("tidemark.json", text);
        var result = await _folder.RunAsync("check");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task A_missing_file_is_named()
    {
        var result = await _folder.RunAsync("check", "--config", "missing.json");
        Assert.Equal("tidemark: missing.json: there is no such file\n", result.Error);
        Assert.Equal(1, result.ExitCode);
    }

    [Fact]
    public async Task The_documented_peak_hours_aggregate_gives_each_days_range()
    {
        var document = File.ReadAllText(Path.Combine(RepositoryRoot(), "docs", "configuration.md"));
        _folder.Write("tidemark.json", PeakHours().Match(document).Groups[1].Value);
        await _folder.SucceedAsync("generate", "--days", "3", "--sensors", "2", "--interval", "300");
        await _folder.SucceedAsync("refresh");
        Assert.Contains(" 0 differ", await _folder.SucceedAsync("verify", "peak_hours"), StringComparison.Ordinal);

        var server = await _folder.ServeAsync();
        using var http = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()) };
        var days = JsonDocument.Parse(await http.GetStringAsync("/api/sensors/sensor_002/peak_hours?period=1w")).RootElement
            .GetProperty("data");
        Assert.InRange(days.GetArrayLength(), 3, 4);
        foreach (var day in days.EnumerateArray())
        {
            var from = day.GetProperty("time").GetDateTimeOffset();
            var raw = JsonDocument.Parse(await http.GetStringAsync(
                $"/api/sensors/sensor_002/raw?from={from:yyyy-MM-ddTHH:mm:ssZ}&to={from.AddDays(1):yyyy-MM-ddTHH:mm:ssZ}"));
            var temperatures = raw.RootElement.GetProperty("data").EnumerateArray().Select(r => r.GetProperty("temperature").GetDouble())
                .ToList();
            Assert.Equal(temperatures.Max(), day.GetProperty("max_temp").GetDouble());
            Assert.Equal(temperatures.Min(), day.GetProperty("min_temp").GetDouble());
            Assert.Equal(temperatures.Max() - temperatures.Min(), day.GetProperty("temperature_range").GetDouble(), 1e-9);
        }
    }

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Tidemark.slnx")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("the tests run outside the repository");
        }

        return folder.FullName;
    }

    [GeneratedRegex(@"```json\n(\{[^`]*peak_hours[^`]*\})\n```")]
    private static partial Regex PeakHours();
}
