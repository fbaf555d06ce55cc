using System.Diagnostics;
using InfluxDB.Client.Core.Exceptions;
using Tidemark.App.Tests.Deploy;

namespace Tidemark.App.Tests.Clients;

/// <summary>
/// A client of InfluxDB as its users have it. In the mode <c>exact</c> it writes five values of one sensor, in <c>refused</c> two points
/// of which the second is far ahead of the clock and says what the client makes of the answer, and in <c>many</c> fifty batches of
/// twenty, each again and again until it is acknowledged.
/// </summary>
internal abstract class InfluxClient
{
    protected const long Start = 1_700_000_000;
    protected const long FarAhead = 5_558_118_400;
    public const string ExactSensor = "Büro 1,a=b";

    public static readonly double[] ExactValues = [0.1, 1.0 / 3, 1e300, -5e-324, 9007199254740991];

    public const int Batches = 50;
    public const int BatchSize = 20;

    public static InfluxClient Of(string name) => name switch
    {
        "python3-influxdb" => new Script("/usr/bin/python3", "python3-influxdb.py"),
        "influx" => new Script("node", "influx.mjs"),
        "@influxdata/influxdb-client" => new Script("node", "influxdb-client.mjs"),
        "InfluxDB.Client" => new InfluxDb2(),
        "InfluxDB3.Client" => new InfluxDb3(overVersion2: false),
        _ => new InfluxDb3(overVersion2: true),
    };

    /// <summary>Skips the test where the client isn't there.</summary>
    public virtual Task RequireAsync() => Task.CompletedTask;

    /// <param name="url">The server's.</param>
    /// <param name="key">Sent in the client's way.</param>
    /// <param name="mode">See above.</param>
    /// <param name="say">Gets the client's lines.</param>
    public abstract Task RunAsync(Uri url, string key, string mode, Action<string> say);

    private sealed class Script(string program, string script) : InfluxClient
    {
        // Beside it are the packages.
        private static readonly string Modules = Repository.PathOf("tests/Tidemark.App.Tests/package.json");

        private readonly string _script = Path.Combine(AppContext.BaseDirectory, "Clients", script);

        public override async Task RequireAsync()
        {
            Tool.Require(File.Exists(program) || Tool.Find(program) is not null, program);
            if (program != "node")
            {
                Tool.Require((await Tool.RunAsync(program, "-c", "import influxdb")).ExitCode == 0, "python3-influxdb");
            }
            else
            {
                var found = await Tool.RunAsync(
                    program, "-e", $"require('module').createRequire('{Modules}')('influx')");
                Tool.Require(found.ExitCode == 0, "npm's influx");
            }
        }

        public override async Task RunAsync(Uri url, string key, string mode, Action<string> say)
        {
            var start = new ProcessStartInfo(program, [_script, url.ToString(), key, mode, Modules])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using var process = Process.Start(start)!;
            try
            {
                var errors = process.StandardError.ReadToEndAsync();
                while (await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(2)) is { } line)
                {
                    say(line);
                }

                await process.WaitForExitAsync();
                Assert.True(process.ExitCode == 0, await errors);
            }
            finally
            {
                if (!process.HasExited)
                {
                    process.Kill();
                }
            }
        }
    }

    /// <summary>What clients in this process have in common.</summary>
    private abstract class Library : InfluxClient
    {
        public override async Task RunAsync(Uri url, string key, string mode, Action<string> say)
        {
            await using var writer = Open(url, key);
            switch (mode)
            {
                case "exact":
                    await writer.WriteAsync(ExactValues.Select((value, i) => (ExactSensor, Start + i, value)));
                    break;
                case "refused":
                    var refusal = await Assert.ThrowsAnyAsync<Exception>(
                        () => writer.WriteAsync([("a", Start, 1), ("b", Start + FarAhead, 2)]));
                    say($"refused {Status(refusal)} {refusal.Message}");
                    break;
                default:
                    for (var batch = 0; batch < Batches; batch++)
                    {
                        await WriteAsync(writer, batch, say);
                        say($"batch {batch}");
                        await Task.Delay(20);
                    }

                    break;
            }
        }

        protected abstract Writer Open(Uri url, string key);

        protected abstract int? Status(Exception refusal);

        private static async Task WriteAsync(Writer writer, int batch, Action<string> say)
        {
            while (true)
            {
                try
                {
                    await writer.WriteAsync(Enumerable.Range(0, BatchSize).Select(i => ($"s{i}", Start + batch, (double)batch)));
                    return;
                }
                catch (Exception e) when (e is HttpRequestException or HttpException)
                {
                    say($"again {e.Message}");
                    await Task.Delay(100);
                }
            }
        }
    }

    protected abstract class Writer : IAsyncDisposable
    {
        public abstract Task WriteAsync(IEnumerable<(string Sensor, long Time, double Value)> points);

        public abstract ValueTask DisposeAsync();
    }

    private sealed class InfluxDb2 : Library
    {
        protected override Writer Open(Uri url, string key)
            => new Version2(new InfluxDB.Client.InfluxDBClient(url.ToString().TrimEnd('/'), key));

        protected override int? Status(Exception refusal) => (refusal as HttpException)?.Status;

        private sealed class Version2(InfluxDB.Client.InfluxDBClient client) : Writer
        {
            public override Task WriteAsync(IEnumerable<(string Sensor, long Time, double Value)> points)
                => client.GetWriteApiAsync().WritePointsAsync(
                    [
                        .. points.Select(p => InfluxDB.Client.Writes.PointData.Measurement("m").Tag("sensor_id", p.Sensor)
                            .Field("value", p.Value).Timestamp(p.Time, InfluxDB.Client.Api.Domain.WritePrecision.S)),
                    ],
                    "plant",
                    "org");

            public override ValueTask DisposeAsync()
            {
                client.Dispose();
                return ValueTask.CompletedTask;
            }
        }
    }

    private sealed class InfluxDb3(bool overVersion2) : Library
    {
        protected override Writer Open(Uri url, string key)
        {
            var options = new InfluxDB3.Client.Config.WriteOptions
            {
                Precision = InfluxDB3.Client.Write.WritePrecision.Us,
                GzipThreshold = 100,
                AcceptPartial = true,
                UseV2Api = overVersion2,
            };
            return new Version3(new InfluxDB3.Client.InfluxDBClient(new InfluxDB3.Client.Config.ClientConfig
            {
                Host = url.ToString().TrimEnd('/'),
                Token = key,
                Database = "plant",
                WriteOptions = options,
            }));
        }

        protected override int? Status(Exception refusal) => (int?)(refusal as InfluxDB3.Client.InfluxDBApiException)?.StatusCode;

        private sealed class Version3(InfluxDB3.Client.InfluxDBClient client) : Writer
        {
            public override Task WriteAsync(IEnumerable<(string Sensor, long Time, double Value)> points)
                => client.WritePointsAsync(
                    points.Select(p => InfluxDB3.Client.Write.PointData.Measurement("m").SetTag("sensor_id", p.Sensor)
                        .SetField("value", p.Value).SetTimestamp(p.Time, InfluxDB3.Client.Write.WritePrecision.S)));

            public override ValueTask DisposeAsync()
            {
                client.Dispose();
                return ValueTask.CompletedTask;
            }
        }
    }
}
