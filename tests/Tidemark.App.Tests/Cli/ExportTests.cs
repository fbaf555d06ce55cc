using Parquet;
using Parquet.Schema;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Cli;

public sealed class ExportTests : IDisposable
{
    private const string Rows = """
        time,sensor_id,temperature,humidity,pressure
        2026-01-01T00:00:00Z,plain,20.5,,1000
        2026-01-01T00:59:59.999999Z,plain,0.1,-0.30000000000000004,1e-300
        2026-01-01T01:00:00.000001Z,plain,,,
        1969-12-31T23:59:59.123456Z,plain,-1,2,3
        2026-01-01T00:00:00Z,"a,b ""c"" d",1.7976931348623157E+308,5e-324,-0.1
        2026-01-01T00:00:00Z,#1 ü ;,1,2,3
        2026-01-01T00:00:00Z," led, trailed ",1,2,3

        """;

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Raw_csv_imports_again_as_the_same_readings()
    {
        TestLength.SkipUnlessShare();
        await ImportAsync();
        Assert.Equal("out.csv: 7 rows\n", await _folder.SucceedAsync("export", "raw", "--output", "out.csv"));
        var again = $"duckdb:{Path.Combine(_folder.Path, "again")}";
        Assert.Equal(
            "out.csv: 7 rows: 7 written, 0 replaced, 0 unchanged, 0 refused\n",
            await _folder.SucceedAsync("import", "out.csv", "--store", again));
        Assert.Equal(
            "in.csv: 7 rows: 0 written, 0 replaced, 7 unchanged, 0 refused\n",
            await _folder.SucceedAsync("import", "in.csv", "--store", again));
        foreach (var sensor in new[] { "plain", "a,b \"c\" d", "#1 ü ;", " led, trailed " })
        {
            Assert.Equal(
                await _folder.SucceedAsync("export", "raw", "--sensor", sensor),
                await _folder.SucceedAsync("export", "raw", "--sensor", sensor, "--store", again));
        }
    }

    [Fact]
    public async Task A_range_selects_and_times_keep_their_microseconds()
    {
        await ImportAsync();
        Assert.Equal(
            "time,sensor_id,temperature,humidity,pressure\n2026-01-01T00:59:59.999999Z,plain,0.1,-0.30000000000000004,1E-300\n",
            await _folder.SucceedAsync(
                "export",
                "raw",
                "--sensor",
                "plain",
                "--from",
                "2026-01-01T00:00:00.000001Z",
                "--to",
                "2026-01-01T01:00:00Z"));
    }

    [Fact]
    public async Task An_aggregate_has_its_bucket_its_columns_and_the_count()
    {
        await ImportAsync();
        Assert.Equal(
            "bucket,sensor_id,avg_temperature,min_temperature,max_temperature,avg_humidity,min_humidity,max_humidity,"
            + """
            avg_pressure,min_pressure,max_pressure,reading_count
            1969-12-31T23:00:00Z,plain,-1,-1,-1,2,2,2,3,3,3,1
            2026-01-01T00:00:00Z,plain,10.3,0.1,20.5,-0.30000000000000004,-0.30000000000000004,-0.30000000000000004,500,1E-300,1000,2
            2026-01-01T01:00:00Z,plain,,,,,,,,,,1

            """,
            await _folder.SucceedAsync("export", "hourly", "--sensor", "plain"));
    }

    [Fact]
    public async Task Parquet_reads_back_with_timestamps_nulls_and_types()
    {
        await ImportAsync();
        Assert.Equal("out.parquet: 4 rows\n", await _folder.SucceedAsync("export", "raw", "--sensor", "plain", "--output", "out.parquet"));
        await using var reader = await ParquetReader.CreateAsync(Path.Combine(_folder.Path, "out.parquet"));
        var fields = reader.Schema.DataFields;
        Assert.Equal(["time", "sensor_id", "temperature", "humidity", "pressure"], fields.Select(f => f.Name));
        var time = Assert.IsType<DateTimeDataField>(fields[0]);
        Assert.Equal((true, DateTimeTimeUnit.Micros, false), (time.IsAdjustedToUTC, time.Unit, time.IsNullable));
        Assert.Equal([true, true, true], fields[2..].Select(f => f.IsNullable && f.ClrType == typeof(double)));

        using var group = reader.OpenRowGroupReader(0);
        var times = new DateTime[4];
        var sensors = new string[4];
        var humidity = new double?[4];
        await group.ReadAsync<DateTime>(fields[0], times);
        await group.ReadAsync(fields[1], sensors);
        await group.ReadAsync<double>(fields[3], humidity);
        Assert.Equal(
            ["1969-12-31T23:59:59.123456Z", "2026-01-01T00:00:00Z", "2026-01-01T00:59:59.999999Z", "2026-01-01T01:00:00.000001Z"],
            times.Select(t => Instant.From(DateTime.SpecifyKind(t, DateTimeKind.Utc)).ToString()));
        Assert.Equal(["plain", "plain", "plain", "plain"], sensors);
        Assert.Equal([2, null, -0.30000000000000004, null], humidity);
    }

    [Fact]
    public async Task Parquet_of_many_rows_has_row_groups_and_reading_counts()
    {
        await _folder.SucceedAsync("generate", "--days", "10", "--sensors", "10");
        Assert.Equal("raw.parquet: 144,010 rows\n", await _folder.SucceedAsync("export", "raw", "-o", "raw.parquet"));
        Assert.StartsWith(
            "hourly.parquet: ",
            await _folder.SucceedAsync("export", "hourly", "--period", "3d", "-o", "hourly.parquet"),
            StringComparison.Ordinal);
        await using var raw = await ParquetReader.CreateAsync(Path.Combine(_folder.Path, "raw.parquet"));
        Assert.Equal([122_880, 21_130], raw.RowGroups.Select(g => (int)g.RowCount));

        await using var hourly = await ParquetReader.CreateAsync(Path.Combine(_folder.Path, "hourly.parquet"));
        using var group = hourly.OpenRowGroupReader(0);
        var counts = new long[group.RowCount];
        var count = hourly.Schema.DataFields[^1];
        Assert.Equal("reading_count", count.Name);
        await group.ReadAsync<long>(count, counts);
        Assert.Equal(10 * 72, counts.Length);
        Assert.Equal(60, counts.Max());
    }

    [Theory]
    [InlineData("export raw --sensor none --output out.csv", 1, "there is no sensor 'none'")]
    [InlineData("export weekly --output out.csv", 1, "there is no aggregate 'weekly'; there are hourly, daily, monthly")]
    [InlineData("export hourly --sensor none --output out.csv", 1, "there is no sensor 'none'")]
    [InlineData(
        "export raw --output out.xlsx",
        2,
        "--output out.xlsx: the extension is none of .csv, .ndjson, .parquet and .lp; give --format")]
    [InlineData(
        "export raw --period 0d",
        2,
        "--period '0d' is not a positive whole number and h, d, w, m or y, such as 12h, 1d, 2w, 3m or 1y")]
    [InlineData("export raw --period 1d --to 0", 2, "--period and --from or --to say the same; give one of them")]
    [InlineData("export raw --from 1 --to 1", 2, "--from 1970-01-01T00:00:00.001000Z is not before --to 1970-01-01T00:00:00.001000Z")]
    [InlineData("export raw --json", 2, "--json needs --output FILE: standard output holds the rows")]
    [InlineData("export raw --output no/where.csv", 1, "no: there is no such folder")]
    public async Task What_fails_says_why_and_leaves_the_file_that_was_there(string arguments, int exitCode, string message)
    {
        await ImportAsync();
        _folder.Write("out.csv", "as it was");
        var result = await _folder.RunAsync(arguments.Split(' '));
        Assert.Equal($"tidemark: {message}{(exitCode == 2 ? "; see tidemark export --help" : "")}\n", result.Error);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Equal("as it was", File.ReadAllText(Path.Combine(_folder.Path, "out.csv")));
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.partial"));
    }

    private async Task ImportAsync()
    {
        _folder.Write("in.csv", Rows);
        await _folder.SucceedAsync("import", "in.csv");
    }
}
