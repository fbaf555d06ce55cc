using System.CommandLine;
using System.Globalization;
using Tidemark.Benchmarks;

var sensors = new Option<int>("--sensors") { Description = "Sensors of the data set. Default 1000.", DefaultValueFactory = _ => 1000 };
var days = new Option<int>("--days") { Description = "Days of readings, one a minute, at least 10. Default 30.", DefaultValueFactory = _ => 30 };
var only = new Option<string[]>("--only") { Description = $"Measure only these: {string.Join(", ", Plan.Workloads)}.", AllowMultipleArgumentsPerToken = true, HelpName = "NAME" };
var folder = new Option<string?>("--folder") { Description = "Keep the data here and use it again. Default a temporary folder, deleted at the end.", HelpName = "FOLDER" };
var markdown = new Option<string?>("--markdown") { Description = "Write the report to this file too, between its marks when it has them.", HelpName = "FILE" };
sensors.Validators.Add(result => Require(result, result.GetValue(sensors) >= 1, "--sensors is at least 1"));
days.Validators.Add(result => Require(result, result.GetValue(days) >= 10, "--days is at least 10: one of them must be old enough for compression"));
only.AcceptOnlyFromAmong(Plan.Workloads);

var root = new RootCommand("Measures Tidemark against its bounds. Exit code 0 when all are met, 1 when not.") { sensors, days, only, folder, markdown };
root.SetAction(async (arguments, cancellationToken) => await RunAsync(
    new Plan(arguments.GetValue(sensors), arguments.GetValue(days), arguments.GetValue(only) ?? [], arguments.GetValue(folder), arguments.GetValue(markdown)),
    cancellationToken));
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(60) });

static async Task<int> RunAsync(Plan plan, CancellationToken cancellationToken)
{
    var workload = string.Create(
        CultureInfo.InvariantCulture,
        $"Data set: {plan.Sensors:N0} sensors × {plan.Days} days × 60 s = {(long)plan.Sensors * plan.Days * 1440:N0} readings of {DataSet.Schema.Metrics.Count} metrics, up to the minute of the run.");
    var report = new Report(workload, $"Machine: {Machine.Describe()}.");
    var folder = plan.Folder ?? Directory.CreateTempSubdirectory("tidemark-bench-").FullName;
    var complete = false;
    try
    {
        Directory.CreateDirectory(folder);
        await new Suite(plan, folder, report).RunAsync(cancellationToken);
        complete = true;
    }
    catch (Exception e) when (e is InvalidOperationException or HttpRequestException or StoreException or IOException)
    {
        Report.Note($"stopped: {e.Message}");
    }
    finally
    {
        if (plan.Folder is null)
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    report.Print();
    if (plan.Markdown is { } file)
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
