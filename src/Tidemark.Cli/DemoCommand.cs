using System.CommandLine;
using System.Diagnostics;
using Tidemark.Configuration;
using Tidemark.Generation;
using Tidemark.Server.Hosting;

namespace Tidemark.Cli;

/// <summary><c>tidemark demo</c>: the whole way of a reading, from an empty folder to a served aggregate.</summary>
internal static class DemoCommand
{
    private static readonly GeneratorPlan Plan = new() { Sensors = 10, Interval = TimeSpan.FromSeconds(60) };
    private static readonly Option<bool> NoServe = new("--no-serve") { Description = "End after the table." };

    private sealed record Step(string Name, string Result, long ElapsedMs);

    public static Command Create()
    {
        var urls = ServeCommand.UrlsOption();
        var command = new Command(
            "demo",
            "Create the store, generate 30 days of 10 sensors, refresh all aggregates and serve; again extends.") { urls, NoServe };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var serve = !arguments.GetValue(NoServe);
            if (serve)
            {
                ServeCommand.RefuseServer(arguments);
            }

            var loaded = await StoreOptions.LoadForSetupAsync(arguments, cancellationToken, ("server:urls", arguments.GetValue(urls)));
            var options = loaded.Options;
            if (serve)
            {
                TidemarkServer.RefuseOpenAddress(options.Server, options.Mqtt, insecure: false);
            }

            var watch = Stopwatch.StartNew();
            await using var store = serve
                ? await ServeCommand.OpenAsync(loaded, cancellationToken)
                : await StoreOpener.CreateAsync(loaded, cancellationToken);
            loaded.Note("changed");
            var opened = new Step("init", options.Store.ToString(), watch.ElapsedMilliseconds);
            Print([opened, .. await FillAsync(store, cancellationToken)], arguments.GetValue(GlobalOptions.Json));
            return serve ? await ServeAsync(options, store, cancellationToken) : ExitCode.Success;
        });
        return command;
    }

    private static async Task<List<Step>> FillAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
        var steps = new List<Step>();
        var generated = await Terminal.ProgressAsync(
            "generate", progress => GenerateCommand.WriteHistoryAsync(store, Plan, TimeSpan.FromDays(30), progress, cancellationToken));
        steps.Add(new Step("generate", $"{Readable.Written(generated.Result)}{Readable.Refused(generated.Result)}", generated.ElapsedMs));
        foreach (var refreshed in await RefreshCommand.RefreshAsync(store, [], null, _ => { }, cancellationToken))
        {
            steps.Add(new Step(
                $"refresh {refreshed.Aggregate}",
                $"{Readable.Count(refreshed.RowsWritten, "row")}, watermark {Readable.Time(refreshed.Watermark)}",
                (long)refreshed.Elapsed.TotalMilliseconds));
        }

        return steps;
    }

    private static void Print(IReadOnlyList<Step> steps, bool json)
    {
        if (json)
        {
            Terminal.Json(steps);
            return;
        }

        Terminal.Table(
            ["Step", "Result", "Time"],
            steps.Append(new Step("together", "", steps.Sum(s => s.ElapsedMs)))
                .Select(s => (string[])[s.Name, s.Result, Readable.Elapsed(TimeSpan.FromMilliseconds(s.ElapsedMs))]));
    }

    private static async Task<int> ServeAsync(TidemarkOptions options, ITelemetryStore store, CancellationToken cancellationToken)
    {
        var sensor = await store.ReadSensorsAsync(cancellationToken).FirstAsync(cancellationToken);
        return await ServeCommand.RunAsync(options, store, url => PrintCalls(url, sensor.SensorId), cancellationToken);
    }

    private static void PrintCalls(string url, string sensorId)
    {
        var sensor = $"{url}/api/sensors/{Uri.EscapeDataString(sensorId)}";
        Terminal.Line("Try, in another terminal:");
        Terminal.Line($"  curl {url}/api/sensors");
        Terminal.Line($"  curl {sensor}/current");
        Terminal.Line($"  curl '{sensor}/hourly?period=1w'");
    }
}
