using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using Tidemark.Store.Tests;
using ZstdSharp;

namespace Tidemark.App.Tests.Cli;

/// <summary>Shapes and dialects that files have in the field; one file of each kind, imported as a process.</summary>
public sealed class ImportKindTests : IDisposable
{
    private const string Plain = "time,sensor_id,temperature\n2026-11-20T10:00:00Z,zü,20.5\n";

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, string, string, string> Kinds => new()
    {
        // Dialects.
        { "# Device\n\n#,\"serial\ntime,sensor_id,temperature\n2026-11-20T10:00Z,a,1\n# said \"x\r\n#\n2026-11-20T10:01Z,a,2\n#end",
            "--comment #", "2026-11-20T10:00:00Z,a,1,,\n2026-11-20T10:01:00Z,a,2,,\n", "" },
        { "x;y\n\"time\";\"sensor_id\";\"temperature\"\nUTC;;°C\n;;avg\n2026-11-20T10:00Z;a;1\nbad;a;2\n",
            "--header-line 2 --skip-after-header 2", "2026-11-20T10:00:00Z,a,1,,\n", "6" },
        { "time;sensor_id;Temp, C;Hum, %\n2026-11-20T10:00Z;a;1.234.567,5;-0,5\n2026-11-20T10:01Z;a;12.34,5;1\n"
            + "2026-11-20T10:02Z;a;---;N/A\n",
            "--map temperature=Temp,~C --map humidity=Hum,~% --decimal , --thousands . --null ---",
            "2026-11-20T10:00:00Z,a,1234567.5,-0.5,\n2026-11-20T10:02:00Z,a,,,\n", "3" },
        { "time\tsensor_id\ttemperature\t\n2026-11-20T10:00Z\ta\t1'234.5\n2026-11-20T10:01Z\ta\t2\t\n", "--thousands '",
            "2026-11-20T10:00:00Z,a,1234.5,,\n2026-11-20T10:01:00Z,a,2,,\n", "" },
        { "sep=;\ntime;sensor_id;temperature;humidity\n1790000000,25;a;-999;nan\n1790000000,5;a;-99,5;50\n", "--decimal , --null -999",
            "2026-09-21T14:13:20.250000Z,a,,,\n2026-09-21T14:13:20.500000Z,a,-99.5,50,\n", "" },
        // Times.
        { "time,sensor_id,temperature\n2026-01-01 01:01:02+00,a,1\n2026-1-1 9:05,a,2\n2026-01-01 9:05 PM,a,3\n20260101T110000Z,a,4\n"
            + "2026-01-01 12:00:00.5 +0100,a,5\n2026-01-01 24:00,a,6\n2026-01-01 13:00:00 UTC,a,7\n2026-01-01 24:01,a,8\n",
            "--time-zone UTC",
            "2026-01-01T01:01:02Z,a,1,,\n2026-01-01T09:05:00Z,a,2,,\n2026-01-01T11:00:00.500000Z,a,5,,\n2026-01-01T11:00:00Z,a,4,,\n"
            + "2026-01-01T13:00:00Z,a,7,,\n2026-01-01T21:05:00Z,a,3,,\n2026-01-02T00:00:00Z,a,6,,\n", "9" },
        { "time,sensor_id,temperature\n31/12/2025  2400,a,1\n01/01/2026 0010,a,2\n", "--time-format %d/%m/%Y~%H%M --time-zone -03:00",
            "2026-01-01T03:00:00Z,a,1,,\n2026-01-01T03:10:00Z,a,2,,\n", "" },
        { "time,sensor_id,temperature\n1790000000123,a,1\n1790000000124,a,2\n", "", "2026-09-21T14:13:20.123000Z,a,1,,\n"
            + "2026-09-21T14:13:20.124000Z,a,2,,\n", "" },
        { "time,sensor_id,temperature\n1790000000000001,a,1\n", "", "2026-09-21T14:13:20.000001Z,a,1,,\n", "" },
        { "time,sensor_id,temperature\n202604050650,a,1\n202604050700,a,2\n", "--time-zone UTC",
            "2026-04-05T06:50:00Z,a,1,,\n2026-04-05T07:00:00Z,a,2,,\n", "" },
        { "time,sensor_id,temperature\n2018-11-03,a,1\n2018-11-04,a,2\n", "--time-zone America/Sao_Paulo",
            "2018-11-03T03:00:00Z,a,1,,\n2018-11-04T03:00:00Z,a,2,,\n", "" },
        { "Date,Clock,sensor_id,temperature\n2026-11-20,10:00,a,1\n2026-11-20,24:00,a,2\n2026-11-21,,a,3\n",
            "--map time=Date+Clock --time-zone UTC", "2026-11-20T10:00:00Z,a,1,,\n2026-11-21T00:00:00Z,a,2,,\n", "4" },
        // The two passes of a repeated hour.
        { "time,sensor_id,temperature\n2026-10-25 02:00,a,1\n2026-10-25 02:00,b,1\n2026-10-25 02:00,a,2\n"
            + "2026-10-25 02:00,b,2\n", "--time-zone Europe/Berlin",
            "2026-10-25T00:00:00Z,a,1,,\n2026-10-25T00:00:00Z,b,1,,\n2026-10-25T01:00:00Z,a,2,,\n2026-10-25T01:00:00Z,b,2,,\n", "" },
        { "time,sensor_id,temperature\n2026-10-25 03:00,a,4\n2026-10-25 02:00,a,3\n2026-10-25 02:30,a,2\n"
            + "2026-10-25 02:00,a,1\n2026-10-25 01:00,a,0\n", "--time-zone Europe/Berlin",
            "2026-10-24T23:00:00Z,a,0,,\n2026-10-25T00:00:00Z,a,1,,\n2026-10-25T00:30:00Z,a,2,,\n"
            + "2026-10-25T01:00:00Z,a,3,,\n2026-10-25T02:00:00Z,a,4,,\n", "" },
        // Shapes.
        { "time,sensor_id,what,reading\n2026-11-20T10:00Z,a,TEMP,1\n2026-11-20T10:00Z,b,TEMP,2\n2026-11-20T10:00Z,a,HUM,3\n"
            + "2026-11-20T10:00Z,a,state,on\n2026-11-20T10:00Z,a,TEMP,x\n2026-11-20T10:01Z,a,HUM,NA\n",
            "--metric-column what --value-column reading --map temperature=TEMP,humidity=HUM",
            "2026-11-20T10:00:00Z,a,1,3,\n2026-11-20T10:00:00Z,b,2,,\n", "6" },
        { "time,sensor_id,metric,value\n2026-11-20T10:00Z,a,x,1\n", "--map humidity=value", "2026-11-20T10:00:00Z,a,,1,\n", "" },
        { "when,room 1,note,room2\n2026-11-20T10:00Z,20,x,\nbad,1,,2\n2026-11-20T10:01Z,,x,22\n",
            "--sensors-in-columns --metric humidity --map time=when",
            "2026-11-20T10:00:00Z,room 1,,20,\n2026-11-20T10:01:00Z,room2,,22,\n", "3" },
    };

    [Theory, MemberData(nameof(Kinds))]
    public async Task A_table_imports_as_it_is_meant(string text, string options, string stored, string refused)
    {
        _folder.Write("in.csv", text);
        var result = await _folder.RunAsync(["import", "in.csv", .. Words(options)]);
        Assert.Equal("", result.Error);
        Assert.Equal(stored, await StoredAsync());
        Assert.Equal(refused, string.Join(' ', Refused("in.csv")));

        if (TestLength.IsLeast)
        {
            return;
        }

        // What the dry run prints leaves nothing to be guessed, and gives the same.
        var dry = await _folder.SucceedAsync(["import", "in.csv", "--dry-run", .. Words(options)]);
        var command = dry.TrimEnd().Split('\n')[^1];
        var program = $"dotnet '{Path.Combine(AppContext.BaseDirectory, "tidemark.dll")}' import";
        _folder.Write("again.sh", $"{command.Replace("tidemark import", program)} --store 'duckdb:{_folder.Path}/again'");
        await ShellAsync("again.sh");
        Assert.Equal(stored, await StoredAsync("--store", $"duckdb:{_folder.Path}/again"));
    }

    [Theory]
    [InlineData("time,sensor_id,temperature\n45000.5,a,1\n", "", "line 2 has '45000.5'; say what they are with --time-unit s|ms|us|ns")]
    [InlineData("time,sensor_id,temperature\n2020,a,1\n2021,a,1\n", "", "line 2 has '2020'; say what they are with --time-unit s|ms|us|ns")]
    [InlineData("time,sensor_id,temperature\n1790000000,a,1\n0,a,1\n", "", "are seconds between 1990 and now, but not all: line 3 has '0'")]
    [InlineData("time,sensor_id,metric,value\n2026-11-20T10:00Z,a,t,1\n", "", "say so with --metric-column metric --value-column value")]
    [InlineData("Date,Time,sensor_id,temperature\n2026-11-20,10:00,a,1\n", "--time-zone UTC", "by --map time=COLUMN+Time")]
    [InlineData(
        "Date,At,sensor_id,temperature\n2026-11-20,10:00,a,1\n2026-11-20,10:01,a,1\n",
        "--time-zone UTC --map time=Date",
        "join both with --map time=Date+COLUMN")]
    [InlineData("t\0i\0m\0e\0,\0s\0", "", "looks like UTF-16 without a byte order mark: say so with --encoding utf-16")]
    [InlineData("time;sensor_id;power\n2026-11-20T10:00Z;a;1,5\n", "", "(power: '1,5' in line 2 is no number; --decimal , reads it)")]
    [InlineData("time,sensor_id,temperature\n", "--rejects no/where.csv", "refused rows can't be written to no/where.csv: ")]
    public async Task What_can_not_be_told_stops_the_import_before_anything_is_stored(string text, string options, string error)
    {
        _folder.Write("in.csv", text);
        var result = await _folder.RunAsync(["import", "in.csv", .. Words(options)]);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(error, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task A_column_is_a_metric_by_all_that_it_holds()
    {
        _folder.Write("in.csv", "time,sensor_id,Battery (V),state,last\n2026-11-20T10:00Z,a,3.25,1,\n2026-11-20T10:01Z,a,,2,\n"
            + "2026-11-20T10:02Z,a,3,x,\n");
        Assert.Equal(
            "in.csv: 3 rows: 3 written, 0 replaced, 0 unchanged, 0 refused\n"
            + "left out: state ('x' in line 4 is no number); last (it is empty)\nnew metrics: battery_v\n",
            await _folder.SucceedAsync("import", "in.csv"));
        Assert.EndsWith(" 3 unchanged, 0 refused\nleft out: state ('x' in line 4 is no number); last (it is empty)\n",
            await _folder.SucceedAsync("import", "in.csv"), StringComparison.Ordinal);
        _folder.Write("more.csv", "time,sensor_id,temperature,load,x\n2026-11-20T10:00Z,a,20,1,2\n2026-11-20T10:01Z,a,,1,2\n");
        Assert.Equal(
            "more.csv: 2 rows: 0 written, 2 replaced, 0 unchanged, 0 refused\nleft out: x (--map names the metrics)\nnew metrics: load\n",
            await _folder.SucceedAsync("import", "more.csv", "--map", "load=load"));
        Assert.Equal(
            "2026-11-20T10:00:00Z,a,20,,,3.25,1\n2026-11-20T10:01:00Z,a,,,,,1\n2026-11-20T10:02:00Z,a,,,,3,\n", await StoredAsync());
    }

    [Fact]
    public async Task An_import_adds_to_readings_unless_it_replaces_them()
    {
        _folder.Write("one.csv", "time,sensor_id,temperature,pressure\n2026-11-20T10:00Z,a,1,1000\n2026-11-20T10:01Z,a,2,1001\n");
        _folder.Write("two.csv", "time,sensor_id,temperature,humidity\n2026-11-20T10:01Z,a,,50\n2026-11-20T10:00Z,a,,\n");
        await _folder.SucceedAsync("import", "one.csv");
        Assert.Contains("0 written, 1 replaced, 1 unchanged", await _folder.SucceedAsync("import", "two.csv"), StringComparison.Ordinal);
        Assert.Equal("2026-11-20T10:00:00Z,a,1,,1000\n2026-11-20T10:01:00Z,a,2,50,1001\n", await StoredAsync());
        await _folder.SucceedAsync("import", "two.csv", "--replace");
        Assert.Equal("2026-11-20T10:00:00Z,a,,,\n2026-11-20T10:01:00Z,a,,50,\n", await StoredAsync());
        _folder.Write("in.lp", "m,device=a f=1 1790000000000000000\n");
        var refused = await _folder.RunAsync("import", "in.lp", "--replace");
        Assert.Equal((2, "tidemark: --replace is not for files in which several rows make one reading; see tidemark import --help\n"),
            (refused.ExitCode, refused.Error));
    }

    [Theory]
    [InlineData("utf-8"), InlineData("utf-16"), InlineData("utf-16BE"), InlineData("utf-32"), InlineData("utf-32BE")]
    public async Task A_byte_order_mark_tells_the_encoding(string name)
    {
        var encoding = Encoding.GetEncoding(name);
        WriteBytes("in.csv", [.. encoding.Preamble, .. encoding.GetBytes(Plain)]);
        const string Json = """[{"time":"2026-11-20T11:00:00Z","sensor_id":"zü","humidity":1}]""";
        WriteBytes("in.json", [.. encoding.Preamble, .. encoding.GetBytes(Json)]);
        await _folder.SucceedAsync("import", "in.csv");
        await _folder.SucceedAsync("import", "in.json");
        Assert.Equal("2026-11-20T10:00:00Z,zü,20.5,,\n2026-11-20T11:00:00Z,zü,,1,\n", await StoredAsync());
    }

    [Fact]
    public async Task Packed_files_are_read_and_broken_ones_refused_before_anything_is_stored()
    {
        using var gzip = new MemoryStream();
        foreach (var part in new[] { Plain, "2026-11-20T10:01:00Z,a,1\n" })
        {
            using var packing = new GZipStream(gzip, CompressionLevel.Optimal, leaveOpen: true);
            packing.Write(Encoding.UTF8.GetBytes(part));
        }

        using var zstd = new Compressor();
        WriteBytes("in.csv.gz", gzip.ToArray());
        WriteBytes("in.csv.zst", zstd.Wrap(Encoding.UTF8.GetBytes(Plain.Replace("20.5", "21"))).ToArray());
        WriteBytes("cut.csv.gz", gzip.ToArray()[..^12]);
        WriteBytes("cut.csv.zst", zstd.Wrap(Encoding.UTF8.GetBytes(Plain)).ToArray()[..^12]);
        foreach (var cut in new[] { "cut.csv.gz", "cut.csv.zst" })
        {
            var result = await _folder.RunAsync("import", cut);
            Assert.StartsWith($"tidemark: {cut} is broken, or not all of it is there: ", result.Error, StringComparison.Ordinal);
        }

        Assert.Equal("", await StoredAsync());
        await _folder.SucceedAsync("import", "in.csv.gz");
        Assert.Equal("2026-11-20T10:00:00Z,zü,20.5,,\n2026-11-20T10:01:00Z,a,1,,\n", await StoredAsync());
        await _folder.SucceedAsync("import", "in.csv.zst");
        Assert.Equal("2026-11-20T10:00:00Z,zü,21,,\n2026-11-20T10:01:00Z,a,1,,\n", await StoredAsync());
    }

    [Fact]
    public async Task Standard_input_is_known_by_its_first_bytes()
    {
        TestLength.SkipUnlessShare();
        var program = $"dotnet '{Path.Combine(AppContext.BaseDirectory, "tidemark.dll")}' import - --store 'duckdb:{_folder.Data}'";
        _folder.Write("in.csv", Plain);
        _folder.Write("in.json", """[{"time":"2026-11-20T11:00:00Z","sensor_id":"a","humidity":1}]""");
        _folder.Write("in.sh", $"cat in.csv | {program}\ngzip -c in.json | {program}\n");
        await ShellAsync("in.sh");
        Assert.Equal("2026-11-20T10:00:00Z,zü,20.5,,\n2026-11-20T11:00:00Z,a,,1,\n", await StoredAsync());
    }

    private async Task ShellAsync(string script)
    {
        var start = new ProcessStartInfo("sh", [script]) { WorkingDirectory = _folder.Path, RedirectStandardOutput = true };
        using var shell = Process.Start(start)!;
        var output = await shell.StandardOutput.ReadToEndAsync();
        await shell.WaitForExitAsync();
        Assert.True(shell.ExitCode == 0, output);
    }

    private async Task<string> StoredAsync(params string[] options)
    {
        var rows = (await _folder.RunAsync(["export", "raw", .. options])).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return string.Concat(rows.Skip(1).Order(StringComparer.Ordinal).Select(row => $"{row}\n"));
    }

    private IEnumerable<string> Refused(string file)
    {
        var path = Path.Combine(_folder.Path, $"{file}.rejects.csv");
        return File.Exists(path) ? File.ReadAllLines(path).Skip(1).Select(line => line.Split(',')[0]) : [];
    }

    private void WriteBytes(string name, byte[] bytes) => File.WriteAllBytes(Path.Combine(_folder.Path, name), bytes);

    /// <summary>A ~ stands for a blank inside a word.</summary>
    private static IEnumerable<string> Words(string options)
        => options.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => word.Replace('~', ' '));
}
