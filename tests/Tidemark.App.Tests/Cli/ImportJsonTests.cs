namespace Tidemark.App.Tests.Cli;

/// <summary>JSON as devices and services write it.</summary>
public sealed class ImportJsonTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("[\n  {\n    \"time\": \"2026-11-20T10:00:00Z\",\n    \"sensor_id\": \"a\",\n    \"temperature\": 1\n  },\n"
        + "  {\"time\":\"2026-11-20T10:01:00Z\",\"sensor_id\":\"a\",\"temperature\":\"2.5\"}, 7\n]\n", "7")]
    [InlineData("{\n\"time\": \"2026-11-20T10:00:00Z\", \"sensor_id\": \"a\",\n\"temperature\": 1}\n{\"time\":\"2026-11-20T10:01:00Z\",\n"
        + "\"sensor_id\":\"a\",\"temperature\":2.5}", "")]
    [InlineData("{\"time\":\"2026-11-20T10:00:00Z\",\"sensor_id\":\"a\",\"temperature\":1}\n{\"time\":\n"
        + "{\"time\":\"2026-11-20T10:01:00Z\",\"sensor_id\":\"a\",\"temperature\":2.5,\"state\":\"on\"}\n{\"time\":1}x\n", "2 4")]
    public async Task Lines_arrays_and_values_one_after_the_other_are_read(string text, string refused)
    {
        _folder.Write("in.json", text);
        var output = await _folder.SucceedAsync("import", "in.json");
        Assert.Contains(": 2 written, 0 replaced, 0 unchanged, ", output, StringComparison.Ordinal);
        Assert.Equal("2026-11-20T10:00:00Z,a,1,,\n2026-11-20T10:01:00Z,a,2.5,,\n", await StoredAsync());
        var rejects = Path.Combine(_folder.Path, "in.json.rejects.csv");
        Assert.Equal(
            refused, string.Join(' ', File.Exists(rejects) ? File.ReadAllLines(rejects).Skip(1).Select(line => line.Split(',')[0]) : []));
    }

    [Theory]
    [InlineData("[{\"time\":\"2026-11-20T10:00:00Z\",\"sensor_id\":\"a\",\"temperature\":1}", "the array has no end")]
    [InlineData("[{\"time\":\"2026-11-20T10:00:00Z\",\"sensor_id\":\"a\",\"temperature\":1}\n{}]", "a comma is missing")]
    [InlineData("[{\"time\":\"2026-11-20T10:00:00Z\",\"sensor_id\":\"a\",\"temperature\":1}]\n[]", "something follows the array")]
    public async Task A_broken_document_is_refused_before_anything_is_stored(string text, string error)
    {
        _folder.Write("in.json", text);
        var result = await _folder.RunAsync("import", "in.json");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(error, result.Error, StringComparison.Ordinal);
        Assert.Equal("", await StoredAsync());
    }

    [Fact]
    public async Task A_map_reaches_into_objects_and_reads_texts_as_numbers()
    {
        _folder.Write("in.ndjson", """
            {"at":{"day":"20.11.2026","clock":"10:00"},"dev":{"id":17},"data":{"t":"20,5","h":"NaN","ok":true,"deep":{"x":1}}}
            {"at":{"day":"20.11.2026","clock":"10:01"},"dev":{"id":"b"},"data":{"t":21,"h":"50"},"dev.id":"c"}
            {"at":{"day":"20.11.2026","clock":"10:02"},"dev":{"id":"b"},"data":{"t":"warm"}}
            {"at":{"day":"20.11.2026"},"dev":{"id":"b"},"data":{"t":1}}
            """);
        Assert.Equal(
            "in.ndjson: 4 rows: 1 written, 0 replaced, 0 unchanged, 3 refused, see in.ndjson.rejects.csv\n"
            + "left out, since --map names the metrics: data.ok, data.deep.x\n",
            await _folder.SucceedAsync(
                "import", "in.ndjson", "--map", "time=at.day+at.clock,sensor_id=dev.id,temperature=data.t,humidity=data.h",
                "--time-format", "dd.MM.yyyy HH:mm", "--time-zone", "Europe/Madrid", "--decimal", ","));
        Assert.Equal("2026-11-20T09:00:00Z,17,20.5,,\n", await StoredAsync());
        Assert.Equal(
            ["2,sensor_id stands twice in the object", "3,temperature 'warm' is not a number such as -12.5", "4,time is missing"],
            File.ReadAllLines(Path.Combine(_folder.Path, "in.ndjson.rejects.csv")).Skip(1)
                .Select(line => string.Join(',', line.Split(',')[..2])));
    }

    [Fact]
    public async Task Objects_of_one_value_make_readings_together()
    {
        _folder.Write("in.ndjson", """
            {"ts":"2026-10-25 02:00","id":"a","name":"temperature","value":1}
            {"ts":"2026-10-25 02:00","id":"a","name":"humidity","value":"2"}
            {"ts":"2026-10-25 02:00","id":"a","name":"temperature","value":3}
            {"ts":"2026-10-25 02:00","id":"a","name":"humidity","value":4}
            """);
        await _folder.SucceedAsync(
            "import", "in.ndjson", "--map", "time=ts,sensor_id=id", "--metric-column", "name", "--value-column", "value",
            "--time-zone", "Europe/Berlin");
        Assert.Equal("2026-10-25T00:00:00Z,a,1,2,\n2026-10-25T01:00:00Z,a,3,4,\n", await StoredAsync());
    }

    private async Task<string> StoredAsync()
    {
        var rows = (await _folder.RunAsync("export", "raw")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return string.Concat(rows.Skip(1).Order(StringComparer.Ordinal).Select(row => $"{row}\n"));
    }
}
