using Tidemark.Ingest;
using System.Text;
using Tidemark.Cli;
using Tidemark.Cli.Import;
using Tidemark.Configuration;

namespace Tidemark.App.Tests.Cli;

public class ImportSourceTests
{
    private static readonly TelemetrySchema Schema = OptionsLoader.Load(
        new Microsoft.Extensions.Configuration.ConfigurationBuilder().Build()).Schema;

    [Fact]
    public void Columns_come_in_any_order_and_empty_fields_are_null()
        => Assert.Equal(
            ["2: s1 2026-01-01T00:00:00Z 20.5 NaN 1000", "3: s 2 2026-01-01T00:01:00Z NaN -1 NaN"],
            Rows("pressure,Sensor_ID,temperature,time,humidity\n1000,s1, 20.5 ,2026-01-01T00:00:00Z,\n,s 2,,2026-01-01T00:01:00Z,-1\n"));

    [Theory]
    [InlineData(','), InlineData(';'), InlineData('\t'), InlineData('|')]
    public void The_delimiter_is_detected(char delimiter)
        => Assert.Equal(
            ["2: a,b;c 2026-01-01T00:00:00Z 1.5 NaN NaN"],
            Rows("time,sensor_id,temperature\n2026-01-01T00:00:00Z,\"a,b;c\",1.5".Replace("time,", $"time{delimiter}")
                .Replace("id,", $"id{delimiter}")
                .Replace("Z,", $"Z{delimiter}")
                .Replace("\",", $"\"{delimiter}")));

    [Fact]
    public void Another_delimiter_can_be_given()
        => Assert.Equal(
            ["2: s 2026-01-01T00:00:00Z 1.5 NaN NaN"],
            Rows("time:x^temperature\n2026-01-01T00:00:00Z^1.5", new() { Delimiter = '^', Sensor = "s", Mapping = Map("time=time:x") }));

    [Fact]
    public void Mapped_columns_and_a_fixed_sensor_win_over_names()
    {
        using var source = Csv(
            "time,when,temp,sensor_id,temperature\n0,1000,2,x,3\n",
            new() { Sensor = "s", Mapping = Map("time=when", "temperature=temp") });
        Assert.Equal(["2: s 1970-01-01T00:00:01Z 2 NaN NaN"], Rows(source));
        Assert.Equal(
            ["left out: time (--map names the metrics); sensor_id (--map names the metrics); temperature (--map names the metrics)"],
            source.Notes);
    }

    [Theory]
    [InlineData(
        "date,sensor_id,temperature",
        "",
        "no column is named time: say which one it is with --map time=COLUMN; the header has date, sensor_id, temperature")]
    [InlineData(
        "time,temperature",
        "",
        "no column is named sensor_id: give --sensor NAME for all rows, or --map sensor_id=COLUMN; the header has time, temperature")]
    [InlineData("time,sensor_id,temp", "", "no column holds numbers of a metric (temp: it is empty): say which one does with "
        + "--map temperature=COLUMN; the header has time, sensor_id, temp")]
    [InlineData(
        "time,sensor_id,temp",
        "temperature=tmp",
        "--map temperature=tmp: there is no column 'tmp'; the header has time, sensor_id, temp")]
    [InlineData(
        "time,sensor_id,temp",
        "sensor=temp",
        "--map: 'sensor' is no name of a metric: it stands for something else")]
    [InlineData(
        "time,sensor_id,humidity,humidity",
        "",
        "2 columns are named 'humidity': rename one in the file, or map another; the header has time, sensor_id, humidity, humidity")]
    public void A_column_that_is_missing_or_ambiguous_is_an_error_that_names_the_header(string header, string map, string error)
        => Assert.Equal(
            error,
            Assert.Throws<CommandFailedException>(
                () => Csv(header + "\n", new() { Mapping = map.Length == 0 ? Map() : Map(map) })).Message);

    [Fact]
    public void Bad_rows_are_told_with_line_reason_and_text_and_none_stops_the_file()
    {
        const string Time = "2026-01-01T00:00:00Z";
        Assert.Equal(
            [
                $"2: s {Time} 1 NaN NaN",
                "3: temperature '1,5' is not a number such as -12.5 <" + Time + ",s,\"1,5\",>",
                "4: the row has 2 fields, the header 4 <" + Time + ",s>",
                "5: time 'x y' is not " + ImportTime.Form + " <\"x\ny\",s,1,\"two\nlines\">",
                $"8: s {Time} 2 NaN NaN",
                "10: a quote is not closed, or stands inside a quoted field without being doubled <" + Time + ",\"s\"x,1,>",
                "11: a quote is not closed, or stands inside a quoted field without being doubled <" + Time + ",\"s,1,>",
                $"12: s {Time} 3 NaN NaN",
                $"13: s {Time} NaN NaN NaN",
                "14: the row has 5 fields, the header 4 <" + Time + ",s,1,,z>",
                $"15: s {Time} 4 NaN NaN",
            ],
            Rows($"""
                time,sensor_id,temperature,note
                {Time},s,1,
                {Time},s,"1,5",
                {Time},s
                "x
                y",s,1,"two
                lines"
                {Time},s,2,"a ""quoted"" note"

                {Time},"s"x,1,
                {Time},"s,1,
                {Time},"s",3,
                {Time},"s",NaN,
                {Time},s,1,,z
                {Time},s,4,,,

                """));
    }

    [Fact]
    public void A_quote_that_is_never_closed_costs_one_row()
    {
        var rows = string.Concat(Enumerable.Range(0, 5000).Select(i => $"{i},s,1\r\n"));
        var result = Rows($"time,sensor_id,temperature\r\n0,\"s,1\r\n{rows}", new() { MaxRow = 2048 });
        Assert.Equal(5001, result.Count);
        Assert.Equal("2: the row is longer than 2048 characters, or a quote is not closed <0,\"s,1>", result[0]);
        Assert.Equal("3: s 1970-01-01T00:00:00Z 1 NaN NaN", result[1]);
        Assert.Equal("5002: s 1970-01-01T00:00:04.999000Z 1 NaN NaN", result[^1]);
    }

    [Fact]
    public void A_row_longer_than_allowed_costs_one_row()
    {
        var result = Rows($"time,sensor_id,temperature,note\n0,s,1,{new string('x', 10_000)}\n1,s,2,y\n", new() { MaxRow = 2048 });
        Assert.StartsWith("2: the row is longer than 2048 characters", result[0]);
        Assert.Equal("3: s 1970-01-01T00:00:00.001000Z 2 NaN NaN", result[1]);
    }

    [Fact]
    public void A_row_may_begin_with_any_character()
    {
        var first = Enumerable.Range(0, 0x300).Append(0xFFFD).Select(c => (char)c).Where(c => !"\r\n\",".Contains(c)).ToList();
        Assert.Equal(
            first.Select((_, i) => $"{i + 2}: a 1970-01-01T00:00:00Z 1 NaN NaN"),
            Rows($"note,time,sensor_id,temperature\n{string.Concat(first.Select(c => $"{c},0,a,1\n"))}"));
    }

    [Fact]
    public void A_row_that_is_not_UTF8_is_refused_with_the_way_out()
    {
        byte[] Bytes(string text) => Encoding.Latin1.GetBytes("time,sensor_id,temperature\n" + text);
        const string Text = "1,K\u00FCche,1\n2,\"K\u00F6che,2\n3,s,3\n";
        using var utf8 = Csv(Bytes(Text), new Layout());
        Assert.Equal(
            [
                "2: the row is not UTF-8: say what it is, such as --encoding windows-1252 <1,K\uFFFDche,1>",
                "3: a quote is not closed, or stands inside a quoted field without being doubled <2,\"K\uFFFDche,2>",
                "4: s 1970-01-01T00:00:00.003000Z 3 NaN NaN",
            ],
            Rows(utf8));
        using var latin = Csv(Bytes(Text.Replace("\"", "")), new Layout { Encoding = Encoding.Latin1 });
        Assert.Equal(["K\u00FCche", "K\u00F6che", "s"], Rows(latin).Select(row => row.Split(' ')[1]));
        Assert.Equal(["2: \uFFFD 1970-01-01T00:00:00.001000Z 1 NaN NaN"], Rows("\uFEFFtime,sensor_id,temperature\n1,\uFFFD,1\n"));
    }

    [Fact]
    public void A_header_that_is_not_UTF8_is_an_error()
        => Assert.Equal(
            "line 1 is not UTF-8: say what it is, such as --encoding windows-1252",
            Assert.Throws<CommandFailedException>(() => Csv(
                Encoding.Latin1.GetBytes("time,sensor_id,temperature,Gr\u00F6\u00DFe\n"), new Layout())).Message);

    [Fact]
    public void Blanks_around_a_field_are_no_part_of_a_sensor_id_unless_quoted()
        => Assert.Equal(
            ["a b", "a b", "a b", " a ", " a\"b ", "", "a"],
            SensorIds(
                "sensor_id,time,temperature,note\n a b ,1,1,\na b\t,1,1,\n\ta b,1,1,\n\" a \",1,1,\n\" a\"\"b \",1,1,\n  ,1,1,\na,1,1,\n"));

    [Fact]
    public void A_sensor_id_at_the_end_of_a_row_is_trimmed_too()
        => Assert.Equal(["a", "a", " a "], SensorIds("time,temperature,sensor_id\r\n1,1, a \r\n1,\"1\",a\r\n1,1,\" a \"\r\n"));

    private static List<string> SensorIds(string text)
    {
        using var source = Csv(text, new Layout());
        var ids = new List<string>();
        while (source.Next())
        {
            Assert.Null(source.TryRead(out var id, out _));
            ids.Add(id);
        }

        return ids;
    }

    [Fact]
    public void NULs_neither_hide_a_row_nor_pass_as_part_of_a_field()
        => Assert.Equal(
            [
                "2: a 1970-01-01T00:00:00Z 0 NaN NaN",
                "3: time '\uFFFD\uFFFD2026-11-05T00:01:00Z' is not " + ImportTime.Form + " <\0\02026-11-05T00:01:00Z,a,1>",
                "4: temperature '1\uFFFD' is not a number such as -12.5 <2,a,1\0>",
                "5: time '3\uFFFD' is not " + ImportTime.Form + " <3\0,a,1>",
                "6: a 1970-01-01T00:00:00.004000Z 4 NaN NaN",
            ],
            Rows("time,sensor_id,temperature\n0,a,0\n\0\02026-11-05T00:01:00Z,a,1\n2,a,1\0\n3\0,a,1\n4,a,4\n"));

    [Fact]
    public void Behind_rows_of_NULs_a_broken_quote_costs_one_row()
    {
        var result = Rows(
            $"time,sensor_id,temperature\n{string.Concat(Enumerable.Repeat(new string('\0', 4000) + "\n", 40))}1,\"s\"x,1\n2,s,2\n",
            new() { MaxRow = 8192 });
        Assert.Equal(42, result.Count);
        Assert.StartsWith("41: the row has 1 fields", result[39]);
        Assert.StartsWith("42: a quote is not closed", result[40]);
        Assert.Equal("43: s 1970-01-01T00:00:00.002000Z 2 NaN NaN", result[41]);
    }

    [Theory]
    [InlineData("time,sensor_id,temperature"), InlineData("\uFEFFtime,sensor_id,temperature\r\n\r\n")]
    public void A_file_without_rows_has_none(string text) => Assert.Empty(Rows(text));

    [Fact]
    public void A_header_that_never_ends_is_an_error()
        => Assert.Equal(
            "line 1 is not a CSV header: a quote is not closed, or it is longer than 1024 characters",
            Assert.Throws<CommandFailedException>(() => Csv(new string('x', 100_000), new() { MaxRow = 1024 })).Message);

    [Fact]
    public void Ndjson_is_read_line_by_line_and_a_bad_line_stops_nothing()
    {
        var text = $$"""
            {"time":"2026-01-01T00:00:00Z","sensor_id":"s","temperature":1.5}

            {"time":"2026-01-01T00:00:00","sensor_id":"s"}
            {"time":0,"sensor_id":"s","humidity":null,"pressure":1}{{new string(' ', 3000)}}
            [1]
            {"time":0,"sensor_id":"s"}
            """;
        using var source = Json(new MemoryStream([.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(text)]), text);
        var rows = Rows(source);
        Assert.Equal("1: s 2026-01-01T00:00:00Z 1.5 NaN NaN", rows[0]);
        Assert.StartsWith("3: time '2026-01-01T00:00:00' has no zone; name one with --time-zone", rows[1]);
        Assert.StartsWith("4: the line is longer than 1024 bytes", rows[2]);
        Assert.StartsWith("5: a reading is an object, not an array", rows[3]);
        Assert.Equal("6: s 1970-01-01T00:00:00Z NaN NaN NaN", rows[4]);
        Assert.Equal(5, rows.Count);
    }

    [Fact]
    public void Lines_of_any_length_up_to_the_limit_are_read_whole()
    {
        var text = string.Concat(
            Enumerable.Range(0, 2000).Select(i => $"{{\"time\":{i},\"sensor_id\":\"s\"{new string(' ', i % 900)}}}\r\n"));
        using var source = Json(new Trickle(Encoding.UTF8.GetBytes(text)), text);
        Assert.Equal(Enumerable.Range(0, 2000).Select(i => $"{i + 1}: s {new Instant(i * 1000)} NaN NaN NaN"), Rows(source));
    }

    private static Dictionary<string, string> Map(params string[] pairs) => pairs.ToDictionary(p => p.Split('=')[0], p => p.Split('=')[1]);

    private static TableSource Csv(string text, Layout layout) => Csv(Encoding.UTF8.GetBytes(text), layout);

    private static TableSource Csv(byte[] text, Layout layout)
    {
        var dialect = new CsvDialect { Delimiter = layout.Delimiter, MaxRow = layout.MaxRow, Encoding = layout.Encoding };
        var settings = new ImportSettings { Mapping = layout.Mapping, Sensor = layout.Sensor, Unit = TimeUnit.Milliseconds };
        var metrics = Known();
        using var rows = new CsvRows(new MemoryStream(text), dialect);
        var survey = TableSurvey.Of(rows, settings, metrics, CancellationToken.None);
        return new TableSource(
            new CsvRows(new MemoryStream(text), dialect with { Delimiter = rows.Delimiter }), survey, settings, metrics.Names);
    }

    private static JsonSource Json(Stream stream, string text) => new(
        JsonValues.Open(Encoding.UTF8.GetBytes(text), stream, 1024), new ImportSettings(), Known(), ImportTime.InZone(null));

    private static List<string> Rows(string text, Layout? layout = null)
    {
        using var source = Csv(text, layout ?? new Layout());
        return Rows(source);
    }

    private static IncomingMetrics Known() => new(Schema, NewMetrics.Add, 200);

    private static List<string> Rows(ReadingSource source)
    {
        var rows = new List<string>();
        while (source.Next())
        {
            var error = source.TryRead(out var sensor, out var time);
            var row = error is null ? $"{sensor} {time} {string.Join(' ', source.Values.ToArray())}" : $"{error} <{source.Text}>";
            rows.Add($"{source.Line}: {row}");
        }

        return rows;
    }

    private sealed record Layout
    {
        public Dictionary<string, string> Mapping { get; init; } = [];

        public string? Sensor { get; init; }

        public char? Delimiter { get; init; }

        public int MaxRow { get; init; } = 64 << 10;

        public Encoding Encoding { get; init; } = Encoding.UTF8;
    }

    /// <summary>Answers seven bytes at a time, as a pipe may.</summary>
    private sealed class Trickle(byte[] bytes) : MemoryStream(bytes)
    {
        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(7, buffer.Length)]);
    }
}
