using System.Text;
using System.Text.Json;

namespace Tidemark.App.Tests.Cli;

/// <summary>Files of line protocol, and what a dry run says.</summary>
public sealed class ImportLineTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Lines_become_readings_and_bad_ones_rejects()
    {
        _folder.Write("in.lp", """
            # exported
            weather,host=a temp=1,note="wet" 1790000000
            weather,host=a hum=2i 1790000000
            bad line
            sensor_data,sensor_id=b temperature=3,ok=t 1790000060
            sensor_data,sensor_id=c temperature=4 1990000000
            """);
        Assert.Equal(1, (await _folder.RunAsync("import", "in.lp")).ExitCode);
        Assert.Equal(
            "in.lp: 4 rows: 2 written, 0 replaced, 0 unchanged, 2 refused, see in.lp.rejects.csv\ntexts left out: note (1)\n"
            + "new metrics: weather_temp, weather_hum, ok\n",
            await _folder.SucceedAsync("import", "in.lp", "--time-unit", "s"));
        Assert.Equal(
            "time,sensor_id,temperature,humidity,pressure,weather_temp,weather_hum,ok\n2026-09-21T14:13:20Z,a,,,,1,2,\n",
            await _folder.SucceedAsync("export", "raw", "--from", "2026-09-21T14:13:20Z", "--to", "2026-09-21T14:14:00Z"));
        Assert.Equal(
            ["4", "6"], File.ReadAllLines(Path.Combine(_folder.Path, "in.lp.rejects.csv")).Skip(1).Select(line => line.Split(',')[0]));
    }

    [Fact]
    public async Task Values_of_one_reading_come_together_however_far_apart_they_stand()
    {
        const int Count = 30_000;
        var lines = new StringBuilder();
        foreach (var metric in new[] { "temperature", "humidity" })
        {
            for (var i = 0; i < Count; i++)
            {
                lines.Append($"sensor_data,sensor_id=s{i % 10} {metric}={i} {1790000000000L + (i / 10 * 1000)}\n");
            }
        }

        _folder.Write("in.lp", lines.ToString());
        Assert.EndsWith(
            "time unit: milliseconds, the only one that puts all between 1990 and now\n",
            await _folder.SucceedAsync("import", "in.lp"), StringComparison.Ordinal);
        var rows = (await _folder.SucceedAsync("export", "raw")).TrimEnd().Split('\n').Skip(1).ToList();
        Assert.Equal(Count, rows.Count);
        Assert.All(rows, row => Assert.Equal(row.Split(',')[2], row.Split(',')[3]));
    }

    [Fact]
    public async Task A_dry_run_tells_all_and_leaves_nothing_behind()
    {
        _folder.Write("in.csv", "Time;sensor_id;Battery;x\n1790000000;a;1;2\n1790000060;;1;2\n1790000120;a;;2\n");
        var told = JsonDocument.Parse(await _folder.SucceedAsync("import", "in.csv", "--dry-run", "--json")).RootElement;
        Assert.Equal((3, 1), (told.GetProperty("rows").GetInt32(), told.GetProperty("refused").GetInt32()));
        Assert.Equal(
            """{"line":3,"reason":"sensor_id is missing or empty"}""",
            JsonSerializer.Serialize(told.GetProperty("refusals")[0]));
        Assert.Equal(
            """{"sensor_id":"a","time":"2026-09-21T14:13:20Z","values":{"battery":1,"x":2}}""",
            JsonSerializer.Serialize(told.GetProperty("first")[0]));
        Assert.Equal(
            "tidemark import in.csv --format csv --encoding utf-8 --delimiter ';' --header-line 1 --map time=Time --time-unit s "
            + "--map sensor_id=sensor_id --map battery=Battery --map x=x",
            told.GetProperty("command").GetString());
        Assert.Contains(
            "seconds, the only one that puts all between 1990 and now",
            told.GetProperty("understood").EnumerateArray().Select(fact => fact.GetProperty("how").GetString()));
        Assert.Equal(["in.csv"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Through_a_server_an_import_adds_to_readings_too()
    {
        await _folder.ServeAsync();
        _folder.Write("one.csv", "time,sensor_id,temperature,load\n2026-11-20T10:00Z,a,1,5\n");
        _folder.Write("two.csv", "time,sensor_id,humidity\n2026-11-20T10:00Z,a,2\n");
        await _folder.SucceedAsync("import", "one.csv");
        await _folder.SucceedAsync("import", "two.csv", "--dry-run");
        await _folder.SucceedAsync("import", "two.csv");
        Assert.Equal(
            "time,sensor_id,temperature,humidity,pressure,load\n2026-11-20T10:00:00Z,a,1,2,,5\n",
            await _folder.SucceedAsync("export", "raw"));
    }
}
