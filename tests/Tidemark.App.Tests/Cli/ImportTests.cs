using System.Text.Json;

namespace Tidemark.App.Tests.Cli;

public sealed class ImportTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Refused_rows_go_to_a_rejects_file_and_importing_again_changes_nothing()
    {
        _folder.Write("in.csv", """"
            time,sensor_id,temperature,humidity,pressure,note
            2026-01-01T00:00:00Z,s1,20.5,,1000,ok
            2026-01-01T00:01:00,s1,20.5,50,1000,"no
            zone"
            2026-01-01T00:02:00Z,,20.5,50,1000,
            2999-01-01T00:00:00Z,s1,1,,,
            2026-01-01T00:03:00Z,s1,hot,50,1000,"said ""hot"""
            2026-01-01T00:04:00Z,s1,21,51,1001,ok
            2026-01-01T00:04:00Z,s1,22,51,1001,again
            """");
        var output = await _folder.SucceedAsync("import", "in.csv");
        Assert.Equal(
            "in.csv: 7 rows: 2 written, 0 replaced, 0 unchanged, 1 repeated in the file, 4 refused, see in.csv.rejects.csv\n"
            + "left out: note ('ok' in line 2 is no number)\n",
            output);
        var rejects = File.ReadAllText(Path.Combine(_folder.Path, "in.csv.rejects.csv"));
        Assert.StartsWith(
            """"""""
            line,reason,text
            3,"time '2026-01-01T00:01:00' has no zone; name one with --time-zone, such as --time-zone UTC or --time-zone Europe/Berlin",
            """"""""
            + """"""""
            "2026-01-01T00:01:00,s1,20.5,50,1000,""no
            zone"""
            5,sensor_id is missing or empty,"2026-01-01T00:02:00Z,,20.5,50,1000,"
            6,time 2999-01-01T00:00:00Z is more than 3600 s ahead of the server's clock,"2999-01-01T00:00:00Z,s1,1,,,"
            7,temperature 'hot' is not a number such as -12.5,"2026-01-01T00:03:00Z,s1,hot,50,1000,""said """"hot"""""""
            """""""",
            rejects, StringComparison.Ordinal);

        var again = JsonDocument.Parse(await _folder.SucceedAsync("import", "in.csv", "--json", "--rejects", "other.csv")).RootElement;
        Assert.Equal((7, 0, 0, 2, 1, 4), (Int("rows"), Int("written"), Int("replaced"), Int("unchanged"), Int("repeated"), Int("refused")));
        Assert.Equal("other.csv", again.GetProperty("rejects").GetString());
        Assert.Equal(rejects, File.ReadAllText(Path.Combine(_folder.Path, "other.csv")));

        Assert.Equal(
            "time,sensor_id,temperature,humidity,pressure\n2026-01-01T00:00:00Z,s1,20.5,,1000\n2026-01-01T00:04:00Z,s1,22,51,1001\n",
            await _folder.SucceedAsync("export", "raw", "--sensor", "s1"));

        int Int(string name) => again.GetProperty(name).GetInt32();
    }

    [Theory]
    [InlineData("in.csv", "nonsense"), InlineData("in.csv", "time,sensor_id,temperature\nyesterday,a,hot\n"), InlineData("in.json", "[{}")]
    [InlineData("in.ndjson", "nonsense\n{}\n"), InlineData("in.lp", "nonsense"), InlineData("in.parquet", "nonsense")]
    [InlineData("in.csv.gz", "nonsense")]
    public async Task A_file_of_which_nothing_is_taken_leaves_no_store_behind(string name, string text)
    {
        _folder.Write(name, text);
        Assert.Equal(1, (await _folder.RunAsync("import", name)).ExitCode);
        Assert.False(Directory.Exists(_folder.Data));
    }

    [Fact]
    public async Task Local_times_need_a_zone_and_take_it()
    {
        _folder.Write("in.csv", "date,temp\n2026/03/29 01:30,1\n2026/03/29 02:30,2\n2026/10/25 02:30,3\n");
        var refused = await _folder.RunAsync("import", "in.csv", "--map", "time=date,temperature=temp", "--sensor", "roof");
        Assert.Equal(1, refused.ExitCode);
        Assert.Equal("in.csv: 3 rows: 0 written, 0 replaced, 0 unchanged, 3 refused, see in.csv.rejects.csv\n", refused.Output);

        Assert.Equal(
            "in.csv: 3 rows: 2 written, 0 replaced, 0 unchanged, 1 refused, see in.csv.rejects.csv\n"
            + "1 local time fell into an hour that a clock change repeats: the order of the rows told which of the two\n",
            await _folder.SucceedAsync(
                "import",
                "in.csv",
                "--map",
                "time=date",
                "--map",
                "temperature=temp",
                "--sensor",
                "roof",
                "--time-zone",
                "Europe/Berlin"));
        Assert.Equal(
            "time,sensor_id,temperature,humidity,pressure\n2026-03-29T00:30:00Z,roof,1,,\n2026-10-25T00:30:00Z,roof,3,,\n",
            await _folder.SucceedAsync("export", "raw", "--sensor", "roof"));
    }

    [Fact]
    public async Task Ndjson_is_known_by_its_extension_and_read_from_standard_input()
    {
        const string Rows = "{\"time\":\"2026-01-01T00:00:00.000001Z\",\"sensor_id\":\"s1\",\"temperature\":1}\n{\"time\":true}\n";
        _folder.Write("in.jsonl", Rows);
        Assert.StartsWith(
            "in.jsonl: 2 rows: 1 written, 0 replaced, 0 unchanged, 1 refused, see in.jsonl.rejects.csv\n",
            await _folder.SucceedAsync("import", "in.jsonl"),
            StringComparison.Ordinal);

        var program = Path.Combine(AppContext.BaseDirectory, "tidemark.dll");
        _folder.Write("in.sh", $"printf '%s' '{Rows}' | dotnet '{program}' import - --format ndjson --store 'duckdb:{_folder.Data}'");
        var shell = new System.Diagnostics.ProcessStartInfo("sh", ["in.sh"])
        {
            WorkingDirectory = _folder.Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        };
        using var process = System.Diagnostics.Process.Start(shell)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal("-: 2 rows: 0 written, 0 replaced, 1 unchanged, 1 refused, see stdin.rejects.csv\n", output);
        Assert.Equal(0, process.ExitCode);
    }

    [Theory]
    [InlineData(""), InlineData("time,sensor_id,temperature\n")]
    public async Task A_file_without_rows_is_no_failure_and_leaves_no_rejects(string text)
    {
        _folder.Write("in.csv", text);
        Assert.Equal("in.csv: 0 rows: 0 written, 0 replaced, 0 unchanged, 0 refused\n", await _folder.SucceedAsync("import", "in.csv"));
        Assert.False(File.Exists(Path.Combine(_folder.Path, "in.csv.rejects.csv")));
    }

    [Theory]
    [InlineData("import none.csv", 1, "none.csv: there is no such file")]
    [InlineData("import .", 2, ".: the extension names no format; give --format csv|ndjson|parquet|line-protocol")]
    [InlineData("import . --format csv", 1, ". is a folder; name a file in it")]
    [InlineData("import in.dat", 2, "in.dat: the extension names no format; give --format csv|ndjson|parquet|line-protocol")]
    [InlineData("import in.csv", 1, "no column is named time: say which one it is with --map time=COLUMN; the header has a, b")]
    [InlineData("import in.csv --rejects in.csv", 2, "--rejects in.csv is the file to import; name another one")]
    [InlineData(
        "import in.csv --time-zone Mars/Olympus",
        1,
        "there is no time zone 'Mars/Olympus' on this system; names look like Europe/Berlin, UTC or +01:00")]
    [InlineData("import in.csv --map time", 2, "--map 'time' is not FIELD=COLUMN, such as temperature=temp")]
    [InlineData("import in.csv --map time=a,time=b", 2, "--map names time twice")]
    [InlineData("import in.csv --delimiter ab", 2, "--delimiter 'ab' is not one character, or tab")]
    [InlineData("import in.csv --sensor ..", 2, "--sensor: sensor_id '..' is reserved")]
    [InlineData("import in.lp --sensor s", 2, "--sensor is not for line-protocol")]
    public async Task What_can_not_be_imported_is_said_in_one_line(string arguments, int exitCode, string message)
    {
        _folder.Write("in.csv", "a,b\n1,2\n");
        _folder.Write("in.lp", "m f=1 1\n");
        var result = await _folder.RunAsync(arguments.Split(' '));
        var hint = exitCode == 2 ? "; see tidemark import --help" : "";
        Assert.Equal($"tidemark: {message}{hint}\n", result.Error);
        Assert.Equal(exitCode, result.ExitCode);
    }
}
