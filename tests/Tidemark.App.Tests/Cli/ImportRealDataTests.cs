using System.Globalization;

namespace Tidemark.App.Tests.Cli;

/// <summary>The hourly weather normals of Seattle, from the npm package vega-datasets.</summary>
public sealed class ImportRealDataTests : IDisposable
{
    private const string FileName = "seattle-weather-hourly-normals.csv";

    private const string Configuration = """
        {
          "chunk_interval": "4w",
          "metrics": [
            { "name": "pressure", "unit": "hPa" },
            { "name": "temperature", "unit": "°C" },
            { "name": "wind", "unit": "m/s", "min": 0 }
          ]
        }
        """;

    private static readonly string[] Metrics = ["pressure", "temperature", "wind"];

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Months_of_the_Seattle_normals_equal_sums_made_another_way()
    {
        var file = FindFile();
        _folder.Write("tidemark.json", Configuration);
        string[] import = ["import", file, "--map", "time=date", "--sensor", "seattle", "--time-zone", "UTC"];
        Assert.Equal($"{file}: 8,759 rows: 8,759 written, 0 replaced, 0 unchanged, 0 refused\n", await _folder.SucceedAsync(import));
        Assert.Equal($"{file}: 8,759 rows: 0 written, 0 replaced, 8,759 unchanged, 0 refused\n", await _folder.SucceedAsync(import));
        await _folder.SucceedAsync("refresh");

        var exported = (await _folder.SucceedAsync("export", "monthly", "--sensor", "seattle")).Split(
            '\n',
            StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(
            "bucket,sensor_id,avg_pressure,min_pressure,max_pressure,avg_temperature,min_temperature,max_temperature,"
                + "avg_wind,min_wind,max_wind,reading_count",
            exported[0]);
        var expected = Months(File.ReadAllLines(file));
        Assert.Equal(12, expected.Count);
        Assert.Equal(expected.Count, exported.Length - 1);
        foreach (var (line, month) in exported.Skip(1).Zip(expected))
        {
            var fields = line.Split(',');
            Assert.Equal([$"{month.Name}-01T00:00:00Z", "seattle", $"{month.Readings}"], [fields[0], fields[1], fields[^1]]);
            for (var i = 0; i < month.Statistics.Length; i++)
            {
                var value = double.Parse(fields[2 + i], CultureInfo.InvariantCulture);
                Assert.InRange(
                    value,
                    month.Statistics[i] - (1e-9 * Math.Abs(month.Statistics[i])),
                    month.Statistics[i] + (1e-9 * Math.Abs(month.Statistics[i])));
            }
        }
    }

    [Fact]
    public async Task In_local_time_the_hour_that_Seattle_skips_is_the_only_one_refused()
    {
        var file = FindFile();
        _folder.Write("tidemark.json", Configuration);
        var output = await _folder.SucceedAsync(
            "import",
            file,
            "--map",
            "time=date",
            "--sensor",
            "seattle",
            "--time-zone",
            "America/Los_Angeles",
            "--rejects",
            "rejects.csv");
        Assert.Equal(
            $"{file}: 8,759 rows: 8,758 written, 0 replaced, 0 unchanged, 1 refused, see rejects.csv\n"
            + "1 local time fell into an hour that a clock change repeats: the order of the rows told which of the two\n",
            output);
        Assert.Contains(
            "time '2010-03-14T02:00:00' does not exist in America/Los_Angeles",
            File.ReadAllText(Path.Combine(_folder.Path, "rejects.csv")),
            StringComparison.Ordinal);
    }

    /// <summary>Per month and metric: average, minimum, maximum, in the order of the export's columns.</summary>
    private static List<(string Name, int Readings, double[] Statistics)> Months(string[] lines)
    {
        Assert.Equal("date,pressure,temperature,wind", lines[0]);
        return [.. lines.Skip(1).GroupBy(line => line[..7]).Select(month =>
        {
            var rows = month.Select(line => line.Split(',').Skip(1).Select(v => decimal.Parse(v, CultureInfo.InvariantCulture)).ToArray())
                .ToList();
            return (month.Key, rows.Count, Metrics.SelectMany(
                (_, m) => new[] { (double)rows.Average(r => r[m]), (double)rows.Min(r => r[m]), (double)rows.Max(r => r[m]) }).ToArray());
        })];
    }

    private static string FindFile()
    {
        var path = Path.Combine(AppContext.BaseDirectory, FileName);
        if (!File.Exists(path))
        {
            const string Reason = $"{FileName} is not there: install npm and build the tests again, which runs npm ci";
            Assert.False(Environment.GetEnvironmentVariable("CI") == "true", Reason);
            Assert.Skip(Reason);
        }

        return path;
    }
}
