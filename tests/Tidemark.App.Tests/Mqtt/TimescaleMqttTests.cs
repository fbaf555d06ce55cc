using System.Text;
using System.Text.Json.Nodes;
using Npgsql;
using Tidemark.App.Tests.Cli;
using Tidemark.Store.Tests.Timescale;

namespace Tidemark.App.Tests.Mqtt;

/// <summary>Messages into a TimescaleDB store.</summary>
public sealed class TimescaleMqttTests
{
    private const int Messages = 500;

    public TimescaleMqttTests() => Mosquitto.RequireClients();

    [Fact]
    public async Task Messages_that_are_acknowledged_are_in_the_database()
    {
        await using var database = await TimescaleDatabase.CreateAsync();
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var uri = $"postgresql://{settings.Username}@{settings.Host}:{settings.Port}/{settings.Database}"
            + (database.IsReal ? "" : "?sslmode=disable");
        using var folder = new CliFolder();
        var port = Mosquitto.FreePort();
        string[] serve = ["serve", "--urls", "http://127.0.0.1:0", "--store", uri, "--mqtt", $"mqtt://127.0.0.1:{port}"];
        (string, string)[] environment = [("PGPASSWORD", settings.Password ?? "any")];
        var server = folder.Start(environment, serve);
        await server.UrlAsync();

        // Metrics that nobody configured, two messages of one instant, and one that can't be read between them.
        string[] options = ["-q", "2"];
        await PublishAsync(port, """{"time":"2026-05-01T10:00:00Z","temperature":21.5,"co2":612}""", options);
        await PublishAsync(port, "nonsense", options);
        await PublishAsync(port, """{"time":"2026-05-01T10:00:00Z","tvoc":7,"temperature":22}""", options);
        using (var wire = await MqttWire.ConnectAsync(port, MqttWire.Version5, "many"))
        {
            await wire.SendAsync((byte[])[.. Enumerable.Range(1, Messages).SelectMany(number => MqttWire.Publish(
                MqttWire.Version5, 1, (ushort)number, "sensors/many"u8,
                Encoding.ASCII.GetBytes($$"""{"time":{{1_777_629_600_000 + number}},"n{{number % 5}}":{{number}}}""")))]);
            await wire.AcknowledgedAsync([.. Enumerable.Range(1, Messages).Select(number => (ushort)number)]);
        }

        // What was acknowledged is in the database, whatever becomes of the server.
        await server.KillAsync();
        await using (var connection = new NpgsqlConnection(database.ConnectionString))
        {
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand(
                "SELECT count(*), sum(coalesce(n0, n1, n2, n3, n4)) FROM sensor_data WHERE sensor_id = 'many'", connection);
            await using var row = await command.ExecuteReaderAsync();
            await row.ReadAsync();
            Assert.Equal((Messages, Messages * (Messages + 1) / 2.0), (row.GetInt64(0), row.GetDouble(1)));
        }

        var again = folder.Start(environment, serve);
        using var http = new HttpClient { BaseAddress = new Uri(await again.UrlAsync()) };
        var current = JsonNode.Parse(await http.GetStringAsync("/api/sensors/a/current"))!;
        Assert.Equal(
            ("2026-05-01T10:00:00Z", 22, 612, 7),
            (current["time"]!.GetValue<string>(), Value("temperature"), Value("co2"), Value("tvoc")));

        double Value(string metric) => current[metric]!.GetValue<double>();
    }

    private static async Task PublishAsync(int port, string payload, string[] options)
        => Assert.Equal(0, (await Mosquitto.PublishAsync(port, "sensors/a", payload, options)).ExitCode);
}
