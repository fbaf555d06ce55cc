using System.CommandLine;
using System.Globalization;

namespace Tidemark.Cli.Client;

/// <summary><c>tidemark client</c>: walks the REST API of a server and compares raw readings against aggregates.</summary>
internal static class ClientCommand
{
    public static readonly Option<string> Host = new("--host")
    {
        Description = "The server. Default 127.0.0.1.",
        HelpName = "HOST",
        DefaultValueFactory = _ => "127.0.0.1"
    };

    public static readonly Option<int> Port = TypedOption.Whole(
        "--port",
        5000,
        1,
        65535,
        "Its port; 443 is asked over TLS. The key, if the server asks for one, is in TIDEMARK_KEY.");

    private static readonly Option<string?> Chart = new("--chart")
    {
        Description = "Draw the comparison into a .svg or .png file.",
        HelpName = "FILE"
    };

    public static Command Create()
    {
        var command = new Command("client", "Ask every endpoint of a running server, then compare raw readings against aggregates.") {
            Host,
            Port,
            Chart };
        Chart.Validators.Add(result =>
        {
            var path = result.GetValueOrDefault<string?>();
            if (Path.GetExtension(path)?.ToLowerInvariant() is not (".svg" or ".png"))
            {
                result.AddError($"--chart '{path}' ends neither in .svg nor in .png");
            }
        });
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        using var client = new ApiClient(arguments.GetRequiredValue(Host), arguments.GetValue(Port), GlobalOptions.Load(arguments).Key);
        var json = arguments.GetValue(GlobalOptions.Json);
        var walk = await EndpointWalk.RunAsync(client, cancellationToken);
        if (!json)
        {
            Show(client, walk);
        }

        var comparisons = await CompareAsync(client, walk, cancellationToken);
        var chart = arguments.GetValue(Chart);
        if (chart is not null)
        {
            ComparisonChart.Save(comparisons, chart);
        }

        if (json)
        {
            ShowJson(client, walk, comparisons, chart);
        }
        else
        {
            Show(comparisons, chart);
        }

        return Judge(walk, comparisons, chart);
    }

    private static async Task<List<Comparison>> CompareAsync(ApiClient client, WalkResult walk, CancellationToken cancellationToken)
    {
        var now = Instant.From(TimeProvider.System.GetUtcNow());
        return await Terminal.ProgressAsync("compare", async progress =>
        {
            var comparisons = new List<Comparison>();
            foreach (var query in ComparedQuery.All)
            {
                progress.Report(new StoreProgress(query.Name, (double)comparisons.Count / ComparedQuery.All.Count));
                comparisons.Add(await query.RunAsync(client, walk.Metric, now, cancellationToken));
            }

            return comparisons;
        });
    }

    private static void Show(ApiClient client, WalkResult walk)
    {
        Terminal.Line(client.Server);
        Terminal.Table(
            ["endpoint", "status", "time", "data points"],
            walk.Answers.Select(a => new[] { a.Path, a.Error ?? $"{a.Status}", Milliseconds(a.Elapsed.TotalMilliseconds), Points(a) }));
    }

    private static void Show(List<Comparison> comparisons, string? chart)
    {
        Terminal.Table(
            ["query, all sensors", "data points", "raw", "aggregate", "faster", "answers"],
            comparisons.Select(c => new[]
            {
                c.Name, Readable.Count(c.DataPoints), Milliseconds(c.RawMs), Milliseconds(c.AggregateMs),
                string.Create(CultureInfo.InvariantCulture, $"{c.Speedup:0.0}x"),
                (c.Agrees ? "agree" : $"{Readable.Count(c.Differences, "bucket")} differ") + From(c.DataFrom),
            }));
        ComparisonChart.Draw(comparisons);
        if (chart is not null)
        {
            Terminal.Line($"chart: {chart}");
        }
    }

    private static void ShowJson(ApiClient client, WalkResult walk, List<Comparison> comparisons, string? chart) => Terminal.Json(new
    {
        client.Server,
        walk.SensorId,
        walk.Metric,
        Endpoints = walk.Answers.Select(a => new
        {
            a.Path,
            a.Status,
            TimeMs = Math.Round(a.Elapsed.TotalMilliseconds, 3),
            a.DataPoints,
            a.DataFrom,
            a.Error,
        }),
        Queries = comparisons.Select(c => new
        {
            c.Name,
            c.Aggregation,
            c.DataPoints,
            RawMs = Math.Round(c.RawMs, 3),
            AggregateMs = Math.Round(c.AggregateMs, 3),
            Speedup = Math.Round(c.Speedup, 2),
            c.Differences,
            c.DataFrom,
        }),
        Chart = chart,
    });

    private static int Judge(WalkResult walk, List<Comparison> comparisons, string? chart)
    {
        if (chart is not null && !ComparisonChart.HasFonts())
        {
            Terminal.Note(
                "this machine has no fonts, so the chart has no text: install some, such as fonts-dejavu-core, and draw it again");
        }

        var failed = walk.Answers.Count(a => !a.IsSuccess);
        var differing = comparisons.Where(c => !c.Agrees).Select(c => c.Aggregation).ToList();
        if (differing.Count > 0)
        {
            Terminal.Error($"raw readings and {string.Join(", ", differing)} differ: late readings may wait for tidemark refresh; "
                + "tidemark verify finds out");
        }

        if (failed > 0)
        {
            Terminal.Error($"{failed} of {walk.Answers.Count} endpoints refused");
        }

        return failed > 0 || differing.Count > 0 ? ExitCode.Failure : ExitCode.Success;
    }

    private static string Points(ApiAnswer answer)
        => (answer.DataPoints is { } points ? Readable.Count(points) : "") + From(answer.DataFrom);

    private static string From(Instant? dataFrom) => dataFrom is { } from ? $" from {from} on" : "";

    private static string Milliseconds(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:0.0} ms");
}
