using System.Text;

namespace Tidemark.App.Tests.Cli;

/// <summary>What an import is told by options and settings, as a process.</summary>
public sealed class ImportOptionTests : IDisposable
{
    private const string NoPlace = "the sensor is new, and the store has as many sensors as the setting max_sensors allows";

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("windows-1252", 1252), InlineData("utf-16", 1200), InlineData("shift_jis", 932)]
    public async Task A_file_in_another_encoding_is_read_when_it_is_named(string name, int codePage)
    {
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        var sensor = codePage == 932 ? "温度計" : "Küche";
        var bytes = Encoding.GetEncoding(codePage).GetBytes($"time,sensor_id,temperature\n2026-01-01T00:00:00Z,{sensor},1\n");
        await File.WriteAllBytesAsync(Path.Combine(_folder.Path, "in.csv"), bytes);
        Assert.NotEqual(0, (await _folder.RunAsync("import", "in.csv")).ExitCode);
        Assert.Contains("1 written, ", await _folder.SucceedAsync("import", "in.csv", "--encoding", name), StringComparison.Ordinal);
        Assert.Contains($",{sensor},1,", await _folder.SucceedAsync("export", "raw"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_encoding_that_is_not_known_and_an_option_of_another_format_are_wrong_usage()
    {
        _folder.Write("in.csv", "time,sensor_id,temperature\n");
        _folder.Write("in.ndjson", "{}\n");
        var unknown = await _folder.RunAsync("import", "in.csv", "--encoding", "ebcdic-7");
        Assert.Equal(2, unknown.ExitCode);
        Assert.StartsWith(
            "tidemark: --encoding 'ebcdic-7' is not known; names look like windows-1252, iso-8859-15, shift_jis or utf-16",
            unknown.Error, StringComparison.Ordinal);
        var lines = await _folder.RunAsync("import", "in.ndjson", "--delimiter", ";");
        Assert.Equal(2, lines.ExitCode);
        Assert.StartsWith("tidemark: --delimiter is not for ndjson", lines.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("in.csv", "time,sensor_id,temperature\n1767225600,a,1\n")]
    [InlineData("in.ndjson", """{"time":1767225600,"sensor_id":"a","temperature":1}""")]
    public async Task The_unit_of_times_is_decided_for_the_whole_file_and_told(string file, string text)
    {
        _folder.Write(file, text);
        Assert.Contains(
            "1 written, 0 replaced, 0 unchanged, 0 refused\ntime unit: seconds, the only one that puts all between 1990 and now\n",
            await _folder.SucceedAsync("import", file), StringComparison.Ordinal);
        Assert.EndsWith(
            " 1 unchanged, 0 refused\n", await _folder.SucceedAsync("import", file, "--time-unit", "s"), StringComparison.Ordinal);
        Assert.Contains(" 1 unchanged", (await RunAsync("TIDEMARK_TIME_UNIT", "s", "import", file)).Output, StringComparison.Ordinal);
        Assert.Contains("2026-01-01T00:00:00Z,a,1,", await _folder.SucceedAsync("export", "raw"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Times_before_the_oldest_are_rejects()
    {
        _folder.Write("in.csv", "time,sensor_id,temperature\n1995-01-01T00:00:00Z,a,1\n2026-01-01T00:00:00Z,a,2\n");
        var result = await RunAsync("TIDEMARK_OLDEST_TIME", "2000-01-01T00:00:00Z", "import", "in.csv");
        Assert.Equal(
            (0, "in.csv: 2 rows: 1 written, 0 replaced, 0 unchanged, 1 refused, see in.csv.rejects.csv\n"),
            (result.ExitCode, result.Output));
        Assert.Contains(
            "2,\"time 1995-01-01T00:00:00Z is before 2000-01-01T00:00:00Z, the setting oldest_time: ", Rejects(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task Rows_of_new_sensors_beyond_the_limit_are_rejects(bool served)
    {
        _folder.Write("tidemark.json", """{ "max_sensors": 2 }""");
        _folder.Write("in.csv", """
            time,sensor_id,temperature
            2026-01-01T00:00:00Z,a,1
            2026-01-01T00:00:00Z,b,2
            2026-01-01T00:00:00Z,c,3
            2026-01-01T00:01:00Z,a,4
            """);
        if (served)
        {
            await _folder.ServeAsync();
        }

        Assert.Equal(
            "in.csv: 4 rows: 3 written, 0 replaced, 0 unchanged, 1 refused, see in.csv.rejects.csv\n",
            await _folder.SucceedAsync("import", "in.csv"));
        Assert.Equal(
            $"line,reason,text\n4,\"{NoPlace}\",\"2026-01-01T00:00:00Z,c,3\"\n",
            Rejects());
        var generated = await _folder.RunAsync("generate", "--days", "1", "--sensors", "1", "--interval", "3600");
        Assert.Equal(1, generated.ExitCode);
        Assert.Contains(
            $": 0 written, 0 replaced, 0 unchanged, 25 refused ({NoPlace}) in ", generated.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_refuses_rows_by_its_own_settings()
    {
        _folder.Write("tidemark.json", """{ "oldest_time": "2000-01-01T00:00:00Z" }""");
        await _folder.ServeAsync();
        File.Delete(Path.Combine(_folder.Path, "tidemark.json"));
        _folder.Write("in.csv", "time,sensor_id,temperature\n2026-01-01T00:00:00Z,a,2\n1995-01-01T00:00:00Z,a,1\n");
        Assert.Contains(
            ": 1 written, 0 replaced, 0 unchanged, 1 refused, ", await _folder.SucceedAsync("import", "in.csv"), StringComparison.Ordinal);
        Assert.Contains("3,\"time 1995-01-01T00:00:00Z is before 2000-01-01T00:00:00Z, ", Rejects(), StringComparison.Ordinal);
    }

    private Task<CliResult> RunAsync(string variable, string value, params string[] arguments)
        => _folder.Start([(variable, value)], arguments).EndAsync();

    private string Rejects() => File.ReadAllText(Path.Combine(_folder.Path, "in.csv.rejects.csv"));
}
