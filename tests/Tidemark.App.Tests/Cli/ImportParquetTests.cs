using DuckDB.NET.Data;

namespace Tidemark.App.Tests.Cli;

/// <summary>Parquet files as other programs write them.</summary>
public sealed class ImportParquetTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("TIMESTAMPTZ '2026-11-20 11:00:00.123456+01'", "", "2026-11-20T10:00:00.123456Z")]
    [InlineData("TIMESTAMP '2026-11-20 11:00:00.123456'", "--time-zone +01:00", "2026-11-20T10:00:00.123456Z")]
    [InlineData("TIMESTAMP_NS '2026-11-20 10:00:00.123456789'", "--time-zone UTC", "2026-11-20T10:00:00.123456Z")]
    [InlineData("make_timestamp_ns(-1500)", "--time-zone UTC", "1969-12-31T23:59:59.999998Z")]
    [InlineData("TIMESTAMP_MS '2026-11-20 10:00:00.123'", "--time-zone UTC", "2026-11-20T10:00:00.123000Z")]
    [InlineData("TIMESTAMP_S '2026-11-20 10:00:00'", "--time-zone UTC", "2026-11-20T10:00:00Z")]
    [InlineData("DATE '2026-11-20'", "--time-zone UTC", "2026-11-20T00:00:00Z")]
    [InlineData("1790000000::BIGINT", "", "2026-09-21T14:13:20Z")]
    [InlineData("1790000000.25::DOUBLE", "", "2026-09-21T14:13:20.250000Z")]
    [InlineData("'2026-11-20T10:00:00Z'", "", "2026-11-20T10:00:00Z")]
    public async Task Times_of_any_type_are_read(string time, string options, string expected)
    {
        Write($"SELECT {time} AS time, s AS sensor_id, 20.1::FLOAT AS temperature FROM (SELECT unnest(['a', 'a', 'b']) AS s)");
        await _folder.SucceedAsync(["import", "in.parquet", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        Assert.Equal(
            $"{expected},a,{(double)20.1f:R},,\n{expected},b,{(double)20.1f:R},,\n", await StoredAsync());
    }

    [Fact]
    public async Task Columns_of_any_type_and_fields_of_structures_are_read_by_what_they_hold()
    {
        Write("""
            SELECT TIMESTAMPTZ '2026-11-20 10:00:00+00' AS time, {'id': 'a', 'x': 1.5::DOUBLE} AS dev, 1::UTINYINT AS u,
            1.25::DECIMAL(9, 2) AS d, true AS ok, 'text' AS note, [1, 2] AS list, '-0'::DOUBLE AS temperature, 'NaN'::DOUBLE AS humidity,
            18446744073709551615::UBIGINT AS big
            """);
        Assert.Equal(
            "in.parquet: 1 row: 1 written, 0 replaced, 0 unchanged, 0 refused\n"
            + "left out: note ('text' in line 1 is no number); list ('[1, 2]' in line 1 is no number)\nnew metrics: dev_x, u, d, ok, big\n",
            await _folder.SucceedAsync("import", "in.parquet", "--map", "sensor_id=dev.id"));
        Assert.Equal("2026-11-20T10:00:00Z,a,-0,,,1.5,1,1.25,1,1.8446744073709552E+19\n", await StoredAsync());
    }

    [Fact]
    public async Task Long_and_wide_shapes_are_read()
    {
        Write("""
            SELECT TIMESTAMPTZ '2026-11-20 10:00:00+00' AS time, 'a' AS sensor_id, unnest(['temperature', 'humidity']) AS m,
            unnest([1, 2]) AS v
            """);
        await _folder.SucceedAsync("import", "in.parquet", "--metric-column", "m", "--value-column", "v");
        Write("SELECT TIMESTAMPTZ '2026-11-20 10:00:00+00' AS time, 1 AS b, NULL::DOUBLE AS c, 3 AS d");
        await _folder.SucceedAsync("import", "in.parquet", "--sensors-in-columns", "--metric", "pressure");
        Assert.Equal("2026-11-20T10:00:00Z,a,1,2,\n2026-11-20T10:00:00Z,b,,,1\n2026-11-20T10:00:00Z,d,,,3\n", await StoredAsync());
    }

    [Fact]
    public async Task A_broken_file_is_one_line()
    {
        Write("SELECT TIMESTAMPTZ '2026-11-20 10:00:00+00' AS time, 'a' AS sensor_id, 1 AS temperature");
        var path = Path.Combine(_folder.Path, "in.parquet");
        await File.WriteAllBytesAsync(path, (await File.ReadAllBytesAsync(path))[..^9]);
        var result = await _folder.RunAsync("import", "in.parquet");
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("tidemark: in.parquet can't be read as Parquet: ", result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    private void Write(string query)
    {
        using var connection = new DuckDBConnection("Data Source=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"COPY ({query}) TO '{Path.Combine(_folder.Path, "in.parquet")}' (FORMAT parquet)";
        command.ExecuteNonQuery();
    }

    private async Task<string> StoredAsync()
    {
        var rows = (await _folder.RunAsync("export", "raw")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return string.Concat(rows.Skip(1).Order(StringComparer.Ordinal).Select(row => $"{row}\n"));
    }
}
