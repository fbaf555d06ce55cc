using System.CommandLine;
using System.Globalization;
using Tidemark.Benchmarks;
using Tidemark.Benchmarks.Peers;
using Tidemark.Benchmarks.Timescale;

const int ManySensors = 20;

var sensors = new Option<int>("--sensors") { Description = "Sensors of the data set. Default 1000.", DefaultValueFactory = _ => 1000 };
var days = new Option<int>("--days")
{
    Description = "Days of readings, one a minute, at least 10. Default 30.",
    DefaultValueFactory = _ => 30,
};
var only = new Option<string[]>("--only")
{
    Description = $"Measure only these: {string.Join(", ", Plan.Workloads)}.",
    AllowMultipleArgumentsPerToken = true,
    HelpName = "NAME",
};
var folder = new Option<string?>("--folder")
{
    Description = "Keep the data here and use it again. Default a temporary folder, deleted at the end.",
    HelpName = "FOLDER",
};
var markdown = new Option<string?>("--markdown")
{
    Description = "Write the report to this file too, between its marks when it has them.",
    HelpName = "FILE",
};
sensors.Validators.Add(result => Require(result, result.GetValue(sensors) >= 1, "--sensors is at least 1"));
days.Validators.Add(result => Require(result, result.GetValue(days) >= 10, "--days is at least 10: one of them must be old enough for "
    + "compression"));
only.AcceptOnlyFromAmong(Plan.Workloads);

var root = new RootCommand("Measures Tidemark against its bounds. Exit code 0 when all are met, 1 when not.")
{
    sensors, days, only, folder, markdown,
};
var timescale = new Command("timescale", "Measures the engine on a TimescaleDB server, in databases of its own that are dropped in the "
    + "end. Needs psql and pgbench.")
{
    sensors, days, only, markdown,
};
var server = new Option<string?>("--server")
{
    Description = "Npgsql's connection string of a superuser. Default TIDEMARK_TEST_TIMESCALE.",
    HelpName = "CONNECTION",
};
timescale.Options.Add(server);
timescale.SetAction(async (arguments, cancellationToken) => await RunAsync(
    new Plan(arguments.GetValue(sensors), arguments.GetValue(days), arguments.GetValue(only) ?? [], null, arguments.GetValue(markdown)),
    Server(arguments),
    cancellationToken));
root.Subcommands.Add(timescale);
var answers = new Command("answers", "Measures what answers of a million rows cost a server and its other clients.")
{
    folder, markdown,
};
answers.SetAction(async (arguments, cancellationToken) => await MeasureAsync(
    new Report(LargeAnswers.Workload, $"Machine: {Machine.Describe()}.", "answers figures"),
    arguments.GetValue(folder),
    arguments.GetValue(markdown),
    (data, report) => new LargeAnswers(data, report).RunAsync(cancellationToken)));
root.Subcommands.Add(answers);
var ways = new Option<string[]>("--only")
{
    Description = $"Measure only one of: {string.Join(", ", Devices.Workloads)}.",
    HelpName = "NAME",
};
ways.AcceptOnlyFromAmong(Devices.Workloads);
var devices = new Command("devices", "Measures what devices write over HTTP, beside victoria-metrics where that is installed.")
{
    ways, folder, markdown,
};
devices.SetAction(async (arguments, cancellationToken) => await MeasureAsync(
    new Report(Devices.Workload, $"Machine: {Machine.Describe()}.", "devices figures"),
    arguments.GetValue(folder),
    arguments.GetValue(markdown),
    (data, report) => new Devices(data, report).RunAsync(arguments.GetValue(ways) ?? [], cancellationToken)));
root.Subcommands.Add(devices);
var metrics = new Command("metrics", "Measures what 200 metrics cost: a sensor with ten of them, and all of them configured.")
{
    folder, markdown,
};
metrics.SetAction(async (arguments, cancellationToken) => await MeasureAsync(
    new Report(ManyMetrics.Workload(ManySensors), $"Machine: {Machine.Describe()}.", "metrics figures"),
    arguments.GetValue(folder),
    arguments.GetValue(markdown),
    async (data, report) =>
    {
        await new WideStore(Path.Combine(data, $"wide-{Guid.NewGuid()}"), report).RunAsync(cancellationToken);
        await new ManyMetrics(
            ManySensors,
            (most, token) => DataSet.OpenAsync(Path.Combine(data, $"metrics-{Guid.NewGuid()}"), token, most),
            report).RunAsync(cancellationToken);
    }));
root.Subcommands.Add(metrics);
var growth = new Command("metrics", "Measures how metrics come to a store of a million hourly rows, and what a sensor with ten metrics "
    + "costs beside many others.")
{
    server, markdown,
};
growth.SetAction(async (arguments, cancellationToken) =>
{
    var on = Server(arguments);
    await MeasureAsync(
        new Report(
            Growth.Workload,
            $"Machine: {Machine.Describe()}, {await Machine.DescribeAsync(on, cancellationToken)}.",
            "timescale metrics figures"),
        null,
        arguments.GetValue(markdown),
        (_, report) => new Growth(on, report).RunAsync(cancellationToken));
});
timescale.Subcommands.Add(growth);
var parse = new Command("parse", "Measures how fast one thread makes readings of line protocol.") { markdown };
parse.SetAction((arguments, _) => MeasureAsync(
    new Report(LineParsing.Workload, $"Machine: {Machine.Describe()}.", "parse figures"),
    null,
    arguments.GetValue(markdown),
    (_, report) =>
    {
        LineParsing.Measure(report);
        return Task.CompletedTask;
    }));
root.Subcommands.Add(parse);
var mqtt = new Command("mqtt", "Measures how many messages by MQTT a server makes durable, with its clients on the same machine.")
{
    folder, markdown,
};
mqtt.SetAction(async (arguments, cancellationToken) => await MeasureAsync(
    new Report(MqttPublishing.Workload, $"Machine: {Machine.Describe()}.", "mqtt figures"),
    arguments.GetValue(folder),
    arguments.GetValue(markdown),
    (data, report) => new MqttPublishing(data, report).RunAsync(cancellationToken)));
root.Subcommands.Add(mqtt);
var live = new Command("live", "Measures what a thousand clients that listen to readings cost those who write, and how soon they get them.")
{
    folder, markdown,
};
live.SetAction(async (arguments, cancellationToken) => await MeasureAsync(
    new Report(LiveListening.Workload, $"Machine: {Machine.Describe()}.", "live figures"),
    arguments.GetValue(folder),
    arguments.GetValue(markdown),
    (data, report) => new LiveListening(data, report).RunAsync(cancellationToken)));
root.Subcommands.Add(live);
var page = new Command("page", "Measures the page in Chromium: from the browser's start, and as charts are zoomed.") { folder, markdown };
page.SetAction(async (arguments, cancellationToken) => await MeasureAsync(
    new Report(PageLoad.Workload, $"Machine: {Machine.Describe()}.", "page figures"),
    arguments.GetValue(folder),
    arguments.GetValue(markdown),
    async (data, report) =>
    {
        await new PageLoad(data, report).RunAsync(cancellationToken);
        await new PageZoom(data, report).RunAsync(cancellationToken);
    }));
root.Subcommands.Add(page);
var picture = new Command("picture", "Makes the picture of the page for the README, docs/page.png.");
picture.SetAction(async (_, cancellationToken) =>
{
    var data = Directory.CreateTempSubdirectory("tidemark-picture-");
    await PagePicture.TakeAsync(data.FullName, Path.Combine("docs", "page.png"), "sensor/sensor_001?period=1w", cancellationToken);
    data.Delete(recursive: true);
});
root.Subcommands.Add(picture);
var series = new Command("series", "Measures answers of /api/series beside those of the plain endpoints.") { folder, markdown };
series.SetAction(async (arguments, cancellationToken) => await MeasureAsync(
    new Report(SeriesAnswers.Workload, $"Machine: {Machine.Describe()}.", "series figures"),
    arguments.GetValue(folder),
    arguments.GetValue(markdown),
    (data, report) => new SeriesAnswers(data, report).RunAsync(cancellationToken)));
root.Subcommands.Add(series);
var sets = new Option<string[]>("--only")
{
    Description = $"Measure only some of: {string.Join(", ", PeerSet.All.Select(set => set.Name))}, demo.",
    AllowMultipleArgumentsPerToken = true,
    HelpName = "NAME",
};
sets.AcceptOnlyFromAmong([.. PeerSet.All.Select(set => set.Name), "demo"]);
var program = new Option<string?>("--victoria-metrics")
{
    Description = "The program to compare with. Default the one on the search path.",
    HelpName = "FILE",
};
var tidemark = new Option<string?>("--tidemark")
{
    Description = "Another build of tidemark to measure, such as one that brings its own runtime.",
    HelpName = "FILE",
};
var peers = new Command("peers", "Measures the embedded engine beside VictoriaMetrics. Needs victoria-metrics and wrk.")
{
    sets, program, tidemark, folder, markdown,
};
peers.SetAction(async (arguments, cancellationToken) => await MeasureAsync(
    new Report(PeerComparison.Workload, $"Machine: {Machine.Describe()}.", "peers figures"),
    arguments.GetValue(folder),
    arguments.GetValue(markdown),
    async (data, report) =>
    {
        TidemarkProcess.Program = arguments.GetValue(tidemark) is { } other ? Path.GetFullPath(other) : TidemarkProcess.Program;
        var chosen = arguments.GetValue(sets) is { Length: > 0 } some ? some : [.. PeerSet.All.Select(set => set.Name), "demo"];
        if (chosen.Contains("demo"))
        {
            await new DemoClient(data, report).RunAsync(cancellationToken);
        }

        await new PeerComparison(
            data,
            report,
            arguments.GetValue(program) ?? VictoriaMetrics.Find() ?? throw new InvalidOperationException("install victoria-metrics"),
            Wrk.Find() ?? throw new InvalidOperationException("install wrk")).RunAsync(
                [.. PeerSet.All.Where(set => chosen.Contains(set.Name))], cancellationToken);
    }));
root.Subcommands.Add(peers);
root.SetAction(async (arguments, cancellationToken) => await RunAsync(
    new Plan(
        arguments.GetValue(sensors),
        arguments.GetValue(days),
        arguments.GetValue(only) ?? [],
        arguments.GetValue(folder),
        arguments.GetValue(markdown)),
    null,
    cancellationToken));
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(60) });

string Server(ParseResult arguments) => arguments.GetValue(server) ?? Environment.GetEnvironmentVariable("TIDEMARK_TEST_TIMESCALE")
    ?? throw new InvalidOperationException("name a server by --server or TIDEMARK_TEST_TIMESCALE");

static async Task<int> RunAsync(Plan plan, string? server, CancellationToken cancellationToken)
{
    var workload = string.Create(
        CultureInfo.InvariantCulture,
        $"Data set: {plan.Sensors:N0} sensors × {plan.Days} days × 60 s = {(long)plan.Sensors * plan.Days * 1440:N0} readings of "
            + $"{DataSet.Schema.Metrics.Count} metrics, up to the minute of the run.");
    var database = server is null ? "" : $", {await Machine.DescribeAsync(server, cancellationToken)}";
    var report = new Report(workload, $"Machine: {Machine.Describe()}{database}.", server is null ? "figures" : "timescale figures");
    return await MeasureAsync(report, plan.Folder, plan.Markdown, (data, into) => server is null
        ? new Suite(plan, data, into).RunAsync(cancellationToken)
        : new TimescaleSuite(plan, server, data, into).RunAsync(cancellationToken));
}

static async Task<int> MeasureAsync(Report report, string? keep, string? markdown, Func<string, Report, Task> measure)
{
    var folder = keep ?? Directory.CreateTempSubdirectory("tidemark-bench-").FullName;
    var complete = false;
    try
    {
        Directory.CreateDirectory(folder);
        await measure(folder, report);
        complete = true;
    }
    catch (Exception e)
        when (e is InvalidOperationException or HttpRequestException or StoreException or IOException or Npgsql.NpgsqlException)
    {
        Report.Note($"stopped: {e.Message}");
    }
    finally
    {
        if (keep is null)
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    report.Print();
    if (markdown is { } file)
    {
        report.WriteMarkdown(file);
    }

    return complete && report.AllMet ? 0 : 1;
}

static void Require(System.CommandLine.Parsing.SymbolResult result, bool condition, string error)
{
    if (!condition)
    {
        result.AddError(error);
    }
}
