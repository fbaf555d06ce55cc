using System.Globalization;
using System.Text.Json.Nodes;
using Tidemark.Cli.Query;

namespace Tidemark.App.Tests.Cli;

public sealed class QueryTests : IDisposable
{
    private const string Day = "--from 2026-01-01T00:00:00Z --to 2026-01-02T00:00:00Z --bucket hourly";

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_chart_fits_the_page_and_tells_scale_range_and_points()
    {
        await FillAsync();
        var text = await _folder.SucceedAsync($"query kitchen {Day} --metrics temperature --fn min,max".Split(' '));
        var chart = text.TrimEnd('\n').Split('\n');
        Assert.Equal("kitchen: min_temperature, max_temperature (°C), 1 hour, 24 points", chart[0]);
        Assert.Equal(10, chart.Length);
        Assert.All(chart, line => Assert.InRange(line.Length, 1, 80));
        Assert.Equal(("       23 ┤", "        0 ┤"), (chart[1][..11], chart[8][..11]));
        Assert.Matches("^ {11}2026-01-01 00:00 +2026-01-02 00:00$", chart[9]);

        // A rising line ends at the top right corner, and begins at the bottom left one.
        Assert.InRange(Dots(chart[1]).Last(), 70, 79);
        Assert.Equal(11, Dots(chart[8]).First());
    }

    [Fact]
    public async Task Each_sensor_and_metric_has_a_chart_and_what_counts_has_its_own()
    {
        await FillAsync();
        var titles = (await _folder.SucceedAsync($"query * {Day} --metrics temperature,humidity --fn avg,max,count".Split(' ')))
            .Split('\n').Where(line => line.Contains(": ", StringComparison.Ordinal));
        Assert.Equal(
            [
                "cellar: avg_temperature, max_temperature (°C), 1 hour, 1 point", "cellar: count_temperature, 1 hour, 1 point",
                "cellar: avg_humidity, max_humidity (%), 1 hour, 1 point", "cellar: count_humidity, 1 hour, 1 point",
                "kitchen: avg_temperature, max_temperature (°C), 1 hour, 24 points", "kitchen: count_temperature, 1 hour, 24 points",
                "kitchen: avg_humidity, max_humidity (%), 1 hour, 24 points", "kitchen: count_humidity, 1 hour, 24 points",
            ],
            titles);
    }

    [Fact]
    public async Task Csv_and_ndjson_hold_the_rows()
    {
        await FillAsync();
        var query = $"query cellar,kitchen {Day} --metrics temperature --fn avg,max --format";
        var csv = (await _folder.SucceedAsync($"{query} csv".Split(' '))).Split('\n');
        Assert.Equal(
            [
                "time,sensor_id,avg_temperature,max_temperature,reading_count",
                "2026-01-01T05:00:00Z,cellar,7.5,8,2",
                "2026-01-01T00:00:00Z,kitchen,0,0,1",
            ],
            csv[..3]);
        Assert.Equal(1 + 1 + 24 + 1, csv.Length);
        var lines = await _folder.SucceedAsync($"{query} ndjson".Split(' '));
        Assert.StartsWith(
            """{"time":"2026-01-01T05:00:00Z","sensor_id":"cellar","avg_temperature":7.5,"max_temperature":8,"reading_count":2}""",
            lines,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_is_what_the_server_answers_and_so_is_all_through_a_server()
    {
        // No refresh comes between two answers.
        _folder.Write("tidemark.json", """{ "schedule": { "refresh": "never" } }""");
        await FillAsync();
        var query = $"query kitchen {Day} --fn avg";
        var own = await _folder.SucceedAsync($"{query} --json".Split(' '));
        var chart = await _folder.SucceedAsync(query.Split(' '));
        var server = await _folder.ServeAsync();
        using var client = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()) };
        var answer = await client.GetStringAsync(
            "/api/series?sensors=kitchen&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&bucket=hourly&fn=avg");
        Assert.Equal($"{answer}\n", own);
        Assert.Equal(own, await _folder.SucceedAsync($"{query} --format json".Split(' ')));
        Assert.Equal(chart, await _folder.SucceedAsync([.. query.Split(' '), "--store", client.BaseAddress.AbsoluteUri]));
        await server.TerminateAsync();
    }

    [Fact]
    public async Task A_picture_is_drawn_into_a_file()
    {
        await FillAsync();
        Assert.Equal("chart: day.svg\n", await _folder.SucceedAsync($"query * {Day} --metrics temperature --chart day.svg".Split(' ')));
        Assert.Contains("<svg", await File.ReadAllTextAsync(Path.Combine(_folder.Path, "day.svg")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_settled_is_noted()
    {
        await FillAsync();
        await _folder.SucceedAsync("refresh");
        _folder.Write("late.csv", "time,sensor_id,temperature\n2026-01-01T03:10:00Z,kitchen,9\n");
        await _folder.SucceedAsync("import", "late.csv");
        var result = await _folder.RunAsync($"query kitchen {Day} --metrics temperature".Split(' '));
        Assert.Equal(
            "kitchen: late readings wait for a refresh of some of these buckets; tidemark refresh brings them up to date\n",
            result.Error);
        Assert.Equal(0, result.ExitCode);
    }

    [Theory]
    [InlineData("query none", 1, "there is no sensor 'none'")]
    [InlineData(
        "query kitchen --period 1x",
        2,
        "--period '1x' is not a positive whole number and h, d, w, m or y, such as 12h, 1d, 2w, 3m or 1y")]
    [InlineData("query kitchen --period 1d --from 0", 2, "--period and --from or --to say the same; give one of them")]
    [InlineData("query kitchen --to 0", 2, "--to needs --from")]
    [InlineData("query kitchen --from 1 --to 1", 2, "--from 1970-01-01T00:00:00.001000Z is not before --to 1970-01-01T00:00:00.001000Z")]
    [InlineData(
        "query kitchen --points 0 --fill zero",
        2,
        "points '0' is not a whole number from 1 to 100000; fill 'zero' is not none, null, previous or linear")]
    [InlineData("query kitchen --chart day.pdf", 2, "--chart 'day.pdf' ends neither in .svg nor in .png")]
    public async Task What_can_not_be_shown_says_why(string arguments, int exitCode, string message)
    {
        await FillAsync();
        var result = await _folder.RunAsync(arguments.Split(' '));
        Assert.Equal($"tidemark: {message}{(exitCode == 2 ? "; see tidemark query --help" : "")}\n", result.Error);
        Assert.Equal(exitCode, result.ExitCode);
    }

    [Fact]
    public void A_line_is_drawn_through_every_column_and_null_breaks_it()
    {
        var chart = new LineChart((0, 100), (0, 10), width: 31, height: 4);
        chart.Add([0, 40, 60, 100], [0, 10, double.NaN, 10]);
        var lines = chart.Draw(unicode: true, time => time.ToString(CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(["       10 ┤", "          ┤", "   3.3333 ┤", "        0 ┤"], lines[..4].Select(line => line[..11]));
        Assert.Equal($"{"",11}0{"",16}100", lines[4]);
        var drawn = lines[..4].SelectMany(Dots).Distinct().Order().ToList();
        Assert.Equal([.. Enumerable.Range(11, 9), 30], drawn);
        var plain = new LineChart((0, 100), (0, 10), width: 31, height: 4);
        plain.Add([0], [5]);
        Assert.Equal("       10 |", plain.Draw(unicode: false, _ => "").First());
        Assert.Contains(plain.Draw(unicode: false, _ => ""), line => line.EndsWith("|*", StringComparison.Ordinal));
    }

    private static IEnumerable<int> Dots(string line)
        => line.Select((c, place) => (c, place)).Where(p => p.c is > '\u2800' and <= '\u28FF').Select(p => p.place);

    /// <summary>A reading an hour whose temperature is the hour, and two in an hour of another sensor.</summary>
    private async Task FillAsync()
    {
        var rows = Enumerable.Range(0, 24).Select(hour => $"2026-01-01T{hour:00}:00:00Z,kitchen,{hour},50");
        string[] others = ["2026-01-01T05:00:00Z,cellar,7,60", "2026-01-01T05:30:00Z,cellar,8,60"];
        _folder.Write("in.csv", $"time,sensor_id,temperature,humidity\n{string.Join('\n', [.. rows, .. others])}\n");
        await _folder.SucceedAsync("import", "in.csv");
    }
}
