using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.Versioning;
using System.Text;
using System.Text.Json.Nodes;
using Npgsql;
using Tidemark.App.Tests.Cli;
using Tidemark.App.Tests.Deploy;
using Tidemark.Store.Tests.Timescale;

namespace Tidemark.App.Tests.Grafana;

/// <summary>
/// The same three days of readings behind a server on each engine, both with keys, and the role that deploy/grafana makes on TimescaleDB.
/// </summary>
[CollectionDefinition(Name)]
[UnsupportedOSPlatform("windows")]
public sealed class GrafanaStores : IAsyncLifetime, ICollectionFixture<GrafanaStores>
{
    public const string Name = "Grafana";

    /// <summary>Its quote has to come through SQL, its blank and its sign through an address.</summary>
    public const string Quoted = "O'Brien & 2";

    public const string Meter = "hall-1";
    public const string Silent = "cellar";

    private readonly CliFolder _embedded = new();
    private readonly CliFolder _onTimescale = new();
    private readonly DeployFolder _deploy = new();
    private readonly Dictionary<string, (Uri Url, string Key)> _servers = [];
    private TimescaleDatabase? _database;

    /// <summary>All that is stored.</summary>
    internal List<StoredReading> Readings { get; } = [];

    /// <summary>The last full hour before now.</summary>
    internal Instant Hour { get; } = new(Instant.From(DateTimeOffset.UtcNow).Micros / 3_600_000_000 * 3_600_000_000);

    /// <summary>What set-up.sh says.</summary>
    internal string SetUp { get; private set; } = "";

    /// <summary>What it had Docker run.</summary>
    internal string Command { get; private set; } = "";

    /// <summary>The database, for programs; without a password.</summary>
    internal string Address { get; private set; } = "";

    internal string ReaderPassword => File.ReadAllText(_deploy.PathOf("secrets/grafana_reader_password"));

    public async ValueTask InitializeAsync()
    {
        Tool.Require(Tool.Find("psql") is not null, "psql");
        _database = await TimescaleDatabase.CreateAsync();
        var settings = new NpgsqlConnectionStringBuilder(_database.ConnectionString);
        var tls = _database.IsReal ? "" : "?sslmode=disable";
        var store = $"postgresql://{settings.Username}@{settings.Host}:{settings.Port}/{settings.Database}{tls}";
        (string, string)[] timescale =
            [("TIDEMARK_STORE", store), ("PGPASSWORD", settings.Password ?? "any"), ("TIDEMARK_MAINTENANCE", "database")];
        Address = store;
        AddReadings();
        await ServeAsync("embedded", _embedded, []);
        await ServeAsync("timescale", _onTimescale, timescale);
        var refresh = await _onTimescale.Start(timescale, "refresh").EndAsync();
        Assert.True(refresh.ExitCode == 0, refresh.Error);

        // In the hour that is still open: a tail that nobody materialised.
        var last = Instant.From(DateTimeOffset.UtcNow.AddSeconds(-2));
        await WriteAsync([new StoredReading(last.Micros / 1_000_000 * 1_000_000, Meter, 31.25, 1000)]);
        await MakeReaderAsync(settings);
    }

    public async ValueTask DisposeAsync()
    {
        _embedded.Dispose();
        _onTimescale.Dispose();
        _deploy.Dispose();
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    internal NpgsqlConnection Owner() => new(_database!.ConnectionString);

    /// <summary>As Grafana connects.</summary>
    internal NpgsqlConnection Reader() => new(new NpgsqlConnectionStringBuilder(_database!.ConnectionString)
    {
        Username = "tidemark_reader",
        Password = ReaderPassword,
        Pooling = false,
    }.ConnectionString);

    internal Task<string> SetUpAsync(NpgsqlConnectionStringBuilder? settings = null)
        => RunSetUpAsync(settings ?? new NpgsqlConnectionStringBuilder(_database!.ConnectionString));

    internal async Task<HttpResponseMessage> SendAsync(string engine, string path, string? key = null)
    {
        var (url, own) = _servers[engine];
        using var http = new HttpClient(new HttpClientHandler { AutomaticDecompression = DecompressionMethods.GZip });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(url, path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key ?? own);
        request.Headers.TryAddWithoutValidation("Accept", "application/json;q=0.9,text/plain");
        return await http.SendAsync(request);
    }

    /// <summary>A query of Infinity's as its server sends it and, by the query's columns, what it makes of the answer.</summary>
    internal async Task<Frame> AskApiAsync(string engine, JsonNode query, Expansion expansion)
    {
        var parameters = query["url_options"]!["params"]!.AsArray().Select(p
            => $"{Uri.EscapeDataString(Dashboard.Text(p!["key"]))}={Uri.EscapeDataString(expansion.Infinity(Dashboard.Text(p["value"])))}");
        var path = $"{Dashboard.Text(query["url"])}?{string.Join('&', parameters)}".TrimEnd('?');
        using var answer = await SendAsync(engine, path);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path}: {(int)answer.StatusCode} {text}");
        return InfinityFrame.Of(query, JsonNode.Parse(text)!);
    }

    internal async Task<Frame> AskSqlAsync(JsonNode query, Expansion expansion)
    {
        await using var connection = Reader();
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(expansion.Sql(Dashboard.Text(query["rawSql"])), connection);
        await using var reader = await command.ExecuteReaderAsync();
        var names = Enumerable.Range(0, reader.FieldCount).Select(reader.GetName).ToList();
        var values = names.Where(n => n is not ("time" or "sensor_id")).ToList();
        var (rows, last) = (new List<FrameRow>(), long.MinValue);
        while (await reader.ReadAsync())
        {
            var time = names.Contains("time") ? Instant.From(reader.GetFieldValue<DateTime>(names.IndexOf("time"))).Micros : 0;
            Assert.True(Dashboard.Text(query["format"]) != "time_series" || time >= last, "a time series is in order");
            last = time;
            rows.Add(new FrameRow(
                time,
                names.Contains("sensor_id") ? reader.GetString(names.IndexOf("sensor_id")) : "",
                [.. values.Select(n => reader.IsDBNull(names.IndexOf(n))
                    ? (double?)null
                    : Convert.ToDouble(reader.GetValue(names.IndexOf(n)), CultureInfo.InvariantCulture))]));
        }

        return Frame.Of(values, rows);
    }

    internal async Task<List<string>> ListAsync(JsonNode variable, string engine)
    {
        var query = variable["query"]!;
        if (query is JsonObject)
        {
            Assert.Equal("infinity", Dashboard.Text(query["queryType"]));
            var inner = query["infinityQuery"]!;
            using var answer = await SendAsync(engine, Dashboard.Text(inner["url"]));
            var rows = JsonNode.Parse(await answer.Content.ReadAsStringAsync())![Dashboard.Text(inner["root_selector"])]!.AsArray();
            var column = Dashboard.Text(Assert.Single(inner["columns"]!.AsArray())!["selector"]);
            return [.. rows.Select(r => Dashboard.Text(r![column]))];
        }

        await using var connection = Reader();
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(Dashboard.Text(query), connection);
        await using var reader = await command.ExecuteReaderAsync();
        var values = new List<string>();
        while (await reader.ReadAsync())
        {
            values.Add(reader.GetString(0));
        }

        return values;
    }

    /// <summary>A meter that is reset once, a sensor with a gap, and one that has fallen silent and leaves values out.</summary>
    private void AddReadings()
    {
        Add(Meter, 10, Hour.Micros, i => (20 + (i % 7 * 0.5), (i < 200 ? i : i - 200) * 0.25));
        Add(Quoted, 15, Hour.Micros, i => (-3.5 - (i % 5), 100 + (i * 0.5)));
        Readings.RemoveAll(r => r.Sensor == Quoted && r.Micros >= At(-30) && r.Micros < At(-24));
        Add(Silent, 20, At(-5), i => (i % 3 == 0 ? null : 12.75, null));

        void Add(string sensor, int minutes, long end, Func<int, (double?, double?)> value)
        {
            var i = 0;
            for (var time = At(-75); time < end; time += minutes * 60_000_000L, i++)
            {
                var (temperature, energy) = value(i);
                Readings.Add(new StoredReading(time, sensor, temperature, energy));
            }
        }
    }

    private long At(int hours) => Hour.Micros + (hours * 3_600_000_000L);

    private async Task ServeAsync(string engine, CliFolder folder, (string, string)[] environment)
    {
        var write = await KeyAsync("writer", "write");
        var read = await KeyAsync("grafana", "read");
        var server = folder.Start([.. environment, ("TIDEMARK_STALE_AFTER", "1h")], "serve", "--urls", "http://127.0.0.1:0");
        _servers[engine] = (new Uri(await server.UrlAsync()), read);
        _servers[$"{engine} write"] = (_servers[engine].Url, write);
        await PostAsync(engine, Readings);

        async Task<string> KeyAsync(string name, string scope)
            => (await folder.SucceedAsync("key", "add", name, "--scope", scope)).TrimEnd();
    }

    private async Task WriteAsync(IReadOnlyList<StoredReading> readings)
    {
        Readings.AddRange(readings);
        await PostAsync("embedded", readings);
        await PostAsync("timescale", readings);
    }

    private async Task PostAsync(string engine, IReadOnlyList<StoredReading> readings)
    {
        var (url, key) = _servers[$"{engine} write"];
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(url, "/api/readings"))
        {
            Content = new StringContent(string.Join('\n', readings.Select(r => r.ToJson())), Encoding.UTF8, "application/x-ndjson"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var answer = await http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Contains($"\"written\":{readings.Count},", text, StringComparison.Ordinal);
    }

    private async Task MakeReaderAsync(NpgsqlConnectionStringBuilder settings)
    {
        Assert.Equal(0, (await _deploy.CreateEnvAsync()).ExitCode);
        SetUp = await RunSetUpAsync(settings);
    }

    /// <summary>What the script runs in the database's container runs here, on the database of the test.</summary>
    private async Task<string> RunSetUpAsync(NpgsqlConnectionStringBuilder settings)
    {
        var tools = Directory.CreateDirectory(_deploy.PathOf("tools")).FullName;
        var docker = Path.Combine(tools, "docker");
        await File.WriteAllTextAsync(
            docker,
            $"""
            #!/bin/sh
            echo "docker $*" > '{tools}/command'
            exec psql -X -q -v ON_ERROR_STOP=1
            """ + "\n");
        File.SetUnixFileMode(docker, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var result = await Tool.RunAsync(
            _deploy.PathOf("../grafana/set-up.sh"),
            [],
            null,
            null,
            [
                ("PATH", $"{tools}:{Environment.GetEnvironmentVariable("PATH")}"),
                ("PGHOST", settings.Host), ("PGPORT", $"{settings.Port}"), ("PGUSER", settings.Username),
                ("PGDATABASE", settings.Database), ("PGPASSWORD", settings.Password ?? "any"),
                ("PGSSLMODE", _database!.IsReal ? null : "disable"),
            ]);
        Assert.True(result.ExitCode == 0, result.Error + result.Output);
        Command = (await File.ReadAllTextAsync(Path.Combine(tools, "command"))).TrimEnd();
        return result.Output;
    }
}

internal sealed record StoredReading(long Micros, string Sensor, double? Temperature, double? Energy)
{
    public double? Of(string metric) => metric == "temperature" ? Temperature : Energy;

    public string ToJson() => new JsonObject
    {
        ["sensor_id"] = Sensor,
        ["time"] = new Instant(Micros).ToString(),
        ["temperature"] = Temperature,
        ["energy_kwh"] = Energy,
    }.ToJsonString();
}

/// <summary>
/// What Infinity's parser on the server makes of an answer by "JSONata parser" and "Time formats" of its documentation: the rows below the
/// root selector, the columns that the query names in their types, and those rows for which the filter holds.
/// </summary>
internal static class InfinityFrame
{
    public static Frame Of(JsonNode query, JsonNode answer)
    {
        var root = Dashboard.Text(query["root_selector"]);
        var rows = (root.Length == 0 ? answer : answer[root]!).AsArray().Select(r => r!.AsObject()).ToList();
        var columns = query["columns"]!.AsArray().ToDictionary(c => Dashboard.Text(c!["selector"]), c => Dashboard.Text(c!["type"]));
        Assert.All(query["columns"]!.AsArray(), c => Assert.Equal(Dashboard.Text(c!["selector"]), Dashboard.Text(c["text"])));
        Assert.All(rows, row => Assert.All(columns.Keys, column => Assert.True(row.ContainsKey(column), $"{column} of {row}")));
        var filter = Dashboard.Text(query["filterExpression"]);
        Assert.True(filter is "" or "stale == true", filter);
        var numbers = columns.Where(c => c.Value == "number").Select(c => c.Key).ToList();
        var frame = rows.Where(row => filter.Length == 0 || row["stale"]!.GetValue<bool>()).Select(row => new FrameRow(
            Time(row, columns),
            columns.ContainsKey("sensor_id") ? Dashboard.Text(row["sensor_id"]) : "",
            [.. numbers.Select(n => row[n]?.GetValue<double>())])).ToList();

        // Else it stays a table of rows, without a word.
        Assert.True(
            Dashboard.Text(query["format"]) != "timeseries" || frame.Zip(frame.Skip(1)).All(p => p.First.Micros <= p.Second.Micros),
            "what is made a time series is in order");
        return Frame.Of(numbers, frame);
    }

    private static long Time(JsonObject row, Dictionary<string, string> columns) => columns.GetValueOrDefault("time") switch
    {
        "timestamp_epoch" => row["time"]!.GetValue<long>() * 1000,
        "timestamp" => Instant.From(DateTimeOffset.Parse(Dashboard.Text(row["time"]), CultureInfo.InvariantCulture)).Micros,
        _ => 0,
    };
}
