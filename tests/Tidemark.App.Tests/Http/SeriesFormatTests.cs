using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using DuckDB.NET.Data;
using Sylvan.Data.Csv;

namespace Tidemark.App.Tests.Http;

/// <summary>Every format holds the same rows, as readers that know nothing of Tidemark see them.</summary>
public sealed class SeriesFormatTests : IAsyncLifetime
{
    private const string Path = "/api/series?sensors=plain,a%5C,%22b&bucket=hourly&fn=min,max&period=1w";

    private RunningServer _server = null!;
    private List<Row> _rows = null!;

    private sealed record Row(string SensorId, long Micros, double? MinTemperature, double? MaxTemperature, double? MinPower, long Count);

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        await _server.WriteAsync("""
            {"sensor_id": "plain", "time": "2026-11-20T00:10:00Z", "temperature": 20.5}
            {"sensor_id": "plain", "time": "2026-11-20T00:20:00Z", "temperature": 0.1}
            {"sensor_id": "plain", "time": "2026-11-20T02:59:59.999999Z"}
            {"sensor_id": "plain", "time": "2026-11-22T10:29:00Z", "temperature": -0.30000000000000004}
            {"sensor_id": "a,\"b", "time": "2026-11-20T01:00:00Z", "temperature": 1e-300, "power_w": 1.7976931348623157E+308}
            {"sensor_id": "a,\"b", "time": "2026-11-20T01:30:00Z", "power_w": 5e-324}
            """, "application/x-ndjson");
        _rows =
        [
            new("plain", Micros(20, 0), 0.1, 20.5, null, 2),
            new("plain", Micros(20, 2), null, null, null, 1),
            new("plain", Micros(22, 10), -0.30000000000000004, -0.30000000000000004, null, 1),
            new("a,\"b", Micros(20, 1), 1e-300, 1e-300, 5e-324, 2),
        ];
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Rows_are_one_flat_array_with_all_members()
    {
        var rows = JsonNode.Parse(await TextAsync("rows", "application/json"))!.AsArray();
        Assert.Equal(
            [
                "time", "sensor_id", "min_temperature", "max_temperature", "min_humidity", "max_humidity", "min_pressure", "max_pressure",
                "min_power_w", "max_power_w", "reading_count",
            ],
            rows[0]!.AsObject().Select(m => m.Key));
        Assert.All(rows, r => Assert.Equal(11, r!.AsObject().Count));
        Assert.Equal(_rows, rows.Select(r => Of(r!)));
        var millis = JsonNode.Parse(await TextAsync("rows&time_format=ms", "application/json"))!.AsArray();
        Assert.Equal(_rows.Select(r => r.Micros / 1000), millis.Select(r => r!["time"]!.GetValue<long>()));
    }

    /// <summary>So that a dashboard's columns don't change with its metric.</summary>
    [Fact]
    public async Task Columns_of_one_metric_may_be_called_by_their_function_alone()
    {
        const string Asked = "/api/series?sensors=plain&metrics=temperature&names=fn&period=1w";
        var rows = await _server.GetAsync($"{Asked}&bucket=hourly&fn=min,max&format=rows&time_format=ms");
        Assert.Equal(
            $$"""{"time":{{Micros(20, 0) / 1000}},"sensor_id":"plain","min":0.1,"max":20.5,"reading_count":2}""",
            rows[0]!.ToJsonString());
        Assert.Equal(
            """{"time":"2026-11-20T00:10:00Z","sensor_id":"plain","value":20.5}""",
            (await _server.GetAsync($"{Asked}&bucket=raw&format=rows"))[0]!.ToJsonString());
        Assert.StartsWith(
            "time,sensor_id,avg,reading_count\n",
            await _server.Client.GetStringAsync($"{Asked}&bucket=hourly&format=csv"),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("names=short&format=rows&metrics=temperature", "names 'short' is not full or fn")]
    [InlineData("names=fn&metrics=temperature", "names=fn is for rows; ask for another format than json")]
    [InlineData("names=fn&format=rows", "names=fn is for one metric; name it by metrics")]
    [InlineData("names=fn&format=rows&metrics=temperature,humidity", "names=fn is for one metric; name it by metrics")]
    public async Task Names_that_would_not_tell_columns_apart_are_refused(string query, string error)
        => Assert.Equal(
            error,
            await _server.RefusedAsync(System.Net.HttpStatusCode.BadRequest, $"/api/series?sensors=plain&{query}"));

    [Fact]
    public async Task Ndjson_has_a_row_a_line_without_nulls()
    {
        var lines = (await TextAsync("ndjson", "application/x-ndjson")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(_rows, lines.Select(l => Of(JsonNode.Parse(l)!)));
        Assert.Equal("""{"time":"2026-11-20T02:00:00Z","sensor_id":"plain","reading_count":1}""", lines[1]);
    }

    [Fact]
    public async Task Csv_reads_back_quoted_ids_nulls_and_every_bit()
    {
        foreach (var millis in new[] { false, true })
        {
            using var text = new StringReader(await TextAsync(millis ? "csv&time_format=ms" : "csv", "text/csv"));
            await using var csv = await CsvDataReader.CreateAsync(text);
            var rows = new List<Row>();
            while (await csv.ReadAsync())
            {
                rows.Add(new Row(
                    csv.GetString(csv.GetOrdinal("sensor_id")),
                    Time(csv.GetString(csv.GetOrdinal("time"))).Micros,
                    Number("min_temperature"),
                    Number("max_temperature"),
                    Number("min_power_w"),
                    csv.GetInt64(csv.GetOrdinal("reading_count"))));
            }

            Assert.Equal(_rows, rows);

            double? Number(string name) => csv.GetString(csv.GetOrdinal(name)) is { Length: > 0 } number
                ? double.Parse(number, CultureInfo.InvariantCulture)
                : null;
        }
    }

    [Fact]
    public async Task Arrow_is_a_stream_of_typed_batches()
    {
        using var response = await _server.Client.GetAsync($"{Path}&format=arrow");
        Assert.Equal("application/vnd.apache.arrow.stream", response.Content.Headers.ContentType?.MediaType);
        using var reader = new ArrowStreamReader(await response.Content.ReadAsStreamAsync());
        var rows = new List<Row>();
        while (await reader.ReadNextRecordBatchAsync() is { } batch)
        {
            var time = Assert.IsType<TimestampArray>(batch.Column("time"));
            var type = Assert.IsType<TimestampType>(time.Data.DataType);
            Assert.Equal((Apache.Arrow.Types.TimeUnit.Microsecond, "UTC"), (type.Unit, type.Timezone));
            var ids = Assert.IsType<StringArray>(batch.Column("sensor_id"));
            var counts = Assert.IsType<Int64Array>(batch.Column("reading_count"));
            for (var row = 0; row < batch.Length; row++)
            {
                rows.Add(new Row(
                    ids.GetString(row),
                    time.GetValue(row)!.Value,
                    Value(batch, "min_temperature", row),
                    Value(batch, "max_temperature", row),
                    Value(batch, "min_power_w", row),
                    counts.GetValue(row)!.Value));
            }
        }

        Assert.Equal(_rows, rows);

        static double? Value(RecordBatch batch, string name, int row) => Assert.IsType<DoubleArray>(batch.Column(name)).GetValue(row);
    }

    [Fact]
    public async Task Parquet_is_read_by_duckdb()
    {
        using var response = await _server.Client.GetAsync($"{Path}&format=parquet");
        Assert.Equal("application/vnd.apache.parquet", response.Content.Headers.ContentType?.MediaType);
        var file = System.IO.Path.GetTempFileName();
        await File.WriteAllBytesAsync(file, await response.Content.ReadAsByteArrayAsync());
        await using var connection = new DuckDBConnection("DataSource=:memory:");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT sensor_id, epoch_us(time), min_temperature, max_temperature, min_power_w, reading_count, typeof(time)
            FROM read_parquet('{file}')
            """;
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<Row>();
        while (await reader.ReadAsync())
        {
            rows.Add(new Row(
                reader.GetString(0), reader.GetInt64(1), Number(2), Number(3), Number(4), reader.GetInt64(5)));
            Assert.Equal("TIMESTAMP WITH TIME ZONE", reader.GetString(6));
        }

        Assert.Equal(_rows, rows);
        File.Delete(file);

        double? Number(int column) => reader.IsDBNull(column) ? null : reader.GetDouble(column);
    }

    /// <summary>An hour with values, one without readings, and one whose reading has no value.</summary>
    [Theory]
    [InlineData("rows"), InlineData("ndjson"), InlineData("csv"), InlineData("arrow"), InlineData("parquet")]
    public async Task What_is_filled_is_marked_in_every_format(string format)
    {
        var body = await _server.Client.GetByteArrayAsync(
            "/api/series?sensors=plain&metrics=temperature&bucket=hourly&fn=max&fill=previous"
                + $"&from=2026-11-20T00:00:00Z&to=2026-11-20T03:00:00Z&format={format}");
        Assert.Equal([(20.5, 2, false), (20.5, 0, true), (20.5, 1, true)], await FilledAsync(format, body));
    }

    private static async Task<List<(double Max, long Count, bool IsFilled)>> FilledAsync(string format, byte[] body)
    {
        var text = System.Text.Encoding.UTF8.GetString(body);
        switch (format)
        {
            case "rows":
                return [.. JsonNode.Parse(body)!.AsArray().Select(r => OfFilled(r!))];
            case "ndjson":
                return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => OfFilled(JsonNode.Parse(l)!))];
            case "csv":
                Assert.StartsWith("time,sensor_id,max_temperature,reading_count,filled\n", text, StringComparison.Ordinal);
                return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..].Select(l => l.Split(',')).Select(f => (
                    double.Parse(f[2], CultureInfo.InvariantCulture),
                    long.Parse(f[3], CultureInfo.InvariantCulture),
                    bool.Parse(f[4])))];
            case "arrow":
                using (var arrow = new ArrowStreamReader(new MemoryStream(body)))
                {
                    var batch = (await arrow.ReadNextRecordBatchAsync())!;
                    return [.. Enumerable.Range(0, batch.Length).Select(row => (
                        ((DoubleArray)batch.Column("max_temperature")).GetValue(row)!.Value,
                        ((Int64Array)batch.Column("reading_count")).GetValue(row)!.Value,
                        ((BooleanArray)batch.Column("filled")).GetValue(row)!.Value))];
                }

            default:
                var file = System.IO.Path.GetTempFileName();
                await File.WriteAllBytesAsync(file, body);
                await using (var connection = new DuckDBConnection("DataSource=:memory:"))
                {
                    await connection.OpenAsync();
                    await using var command = connection.CreateCommand();
                    command.CommandText = $"SELECT max_temperature, reading_count, filled FROM read_parquet('{file}')";
                    await using var reader = await command.ExecuteReaderAsync();
                    var rows = new List<(double, long, bool)>();
                    while (await reader.ReadAsync())
                    {
                        rows.Add((reader.GetDouble(0), reader.GetInt64(1), reader.GetBoolean(2)));
                    }

                    File.Delete(file);
                    return rows;
                }
        }
    }

    private static (double Max, long Count, bool IsFilled) OfFilled(JsonNode row) => (
        row["max_temperature"]!.GetValue<double>(),
        row["reading_count"]!.GetValue<long>(),
        row["filled"]!.GetValue<bool>());

    [Theory]
    [InlineData("text/csv", "text/csv"),
        InlineData("application/x-ndjson", "application/x-ndjson"),
        InlineData("application/jsonl", "application/x-ndjson"),
        InlineData("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        InlineData("application/vnd.apache.parquet;q=0.5,text/csv;q=0.8", "text/csv"),
        InlineData("text/csv;q=0,*/*", "application/json"),
        InlineData("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        InlineData("*/*", "application/json"),
        InlineData("image/png", "application/json")]
    public async Task Accept_chooses_the_format(string accept, string mediaType)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Path);
        request.Headers.TryAddWithoutValidation("Accept", accept);
        using var response = await _server.Client.SendAsync(request);
        Assert.Equal(mediaType, response.Content.Headers.ContentType?.MediaType);
        Assert.Contains("Accept", response.Headers.Vary);
        using var named = new HttpRequestMessage(HttpMethod.Get, $"{Path}&format=json");
        named.Headers.TryAddWithoutValidation("Accept", accept);
        Assert.Equal("application/json", (await _server.Client.SendAsync(named)).Content.Headers.ContentType?.MediaType);
    }

    [Theory]
    [InlineData("rows", "[]"), InlineData("ndjson", "")]
    public async Task No_sensor_is_no_row(string format, string body)
        => Assert.Equal(body, await _server.Client.GetStringAsync($"/api/series?sensors=none*&bucket=hourly&format={format}"));

    [Fact]
    public async Task What_an_answer_is_made_of_stands_in_headers_too()
    {
        using var response = await _server.Client.GetAsync($"{Path}&format=csv");
        Assert.Equal(["hourly"], response.Headers.GetValues("Tidemark-Source"));
        Assert.Equal(["1 hour"], response.Headers.GetValues("Tidemark-Bucket"));
    }

    [Theory]
    [InlineData("rows"), InlineData("csv"), InlineData("ndjson"), InlineData("arrow"), InlineData("parquet")]
    public async Task A_long_answer_streams_and_is_whole_in_every_format(string format)
    {
        const int Readings = 150_000;
        var batch = new ReadingBatch(_server.Store.Schema.MetricNames, Readings);
        var values = Enumerable.Repeat(double.NaN, _server.Store.Schema.Metrics.Count).ToArray();
        for (var i = 0; i < Readings; i++)
        {
            values[0] = i;
            batch.Add("long", Instant.Utc(2026, 11, 20) + TimeSpan.FromSeconds(i), values);
        }

        await _server.Store.WriteAsync(batch, CancellationToken.None);
        using var response = await _server.Client.GetAsync(
            $"/api/series?sensors=long&bucket=raw&metrics=temperature&period=1w&format={format}",
            HttpCompletionOption.ResponseHeadersRead);
        var body = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(Readings, await CountAsync(format, body));
    }

    private static async Task<long> CountAsync(string format, byte[] body)
    {
        switch (format)
        {
            case "rows":
                return JsonDocument.Parse(body).RootElement.GetArrayLength();
            case "csv" or "ndjson":
                return body.Count(b => b == '\n') - (format == "csv" ? 1 : 0);
            case "arrow":
                using (var reader = new ArrowStreamReader(new MemoryStream(body)))
                {
                    var rows = 0L;
                    while (await reader.ReadNextRecordBatchAsync() is { } batch)
                    {
                        rows += batch.Length;
                    }

                    return rows;
                }

            default:
                await using (var parquet = await Parquet.ParquetReader.CreateAsync(new MemoryStream(body)))
                {
                    return parquet.RowGroups.Sum(g => g.RowCount);
                }
        }
    }

    private async Task<string> TextAsync(string format, string mediaType)
    {
        using var response = await _server.Client.GetAsync($"{Path}&format={format}");
        var type = MediaTypeHeaderValue.Parse($"{mediaType}{(format == "ndjson" ? "" : "; charset=utf-8")}");
        Assert.Equal(type, response.Content.Headers.ContentType);
        return await response.Content.ReadAsStringAsync();
    }

    private static Row Of(JsonNode row) => new(
        row["sensor_id"]!.GetValue<string>(),
        Time(row["time"]!.GetValue<string>()).Micros,
        row["min_temperature"]?.GetValue<double>(),
        row["max_temperature"]?.GetValue<double>(),
        row["min_power_w"]?.GetValue<double>(),
        row["reading_count"]!.GetValue<long>());

    private static Instant Time(string text)
    {
        Assert.True(Instant.TryParse(text, out var time));
        return time;
    }

    private static long Micros(int day, int hour) => Instant.Utc(2026, 11, day, hour).Micros;
}
