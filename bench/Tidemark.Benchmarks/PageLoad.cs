using System.Diagnostics;
using System.Globalization;
using Microsoft.Playwright;
using Tidemark.Generation;

namespace Tidemark.Benchmarks;

/// <summary>The page in a browser that is started for it: until something is painted, and until the fleet is there.</summary>
internal sealed class PageLoad(string folder, Report report)
{
    public const string Workload
        = "Data set: 1,000 sensors × 2 days × 60 s, and 50,000 sensors × 2 days × 1 h. A new Chromium for each look, without a cache.";

    private const int Looks = 7;
    private const string Row = ".fleet .body [role=row]";

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await MeasureAsync(1000, TimeSpan.FromMinutes(1), 1000, cancellationToken);
        await MeasureAsync(50_000, TimeSpan.FromHours(1), null, cancellationToken);
    }

    /// <param name="sensors">How many.</param>
    /// <param name="interval">Between two readings of each.</param>
    /// <param name="bound">Of the first paint, in milliseconds; null for none.</param>
    /// <param name="cancellationToken">Stops it.</param>
    private async Task MeasureAsync(int sensors, TimeSpan interval, double? bound, CancellationToken cancellationToken)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{sensors:N0} sensors");
        Report.Note($"page: {name}");
        var store = Path.Combine(folder, $"page-{sensors}");
        await FillAsync(store, sensors, interval, cancellationToken);
        await using var server = await TidemarkProcess.ServeAsync($"duckdb:{store}", null, cancellationToken);
        using var playwright = await Playwright.CreateAsync();
        await LookAsync(playwright, server.Url);

        var looks = new List<Look>();
        for (var look = 0; look < Looks; look++)
        {
            looks.Add(await LookAsync(playwright, server.Url));
        }

        var (paint, fleet) = (new Samples(looks.Select(l => l.Painted)), new Samples(looks.Select(l => l.Filled)));
        var own = Figure.Millis(new Samples(looks.Select(l => l.Started)).Median);
        var beside = $"median of {Looks} new browsers, slowest {Figure.Millis(paint.Max)}; {own} of it the browser's own start";
        report.Add(
            bound is { } most
                ? Figure.Below($"{name}: first paint from the browser's start", paint.Median, most, "ms", beside)
                : Figure.Free($"{name}: first paint from the browser's start", paint.Median, "ms", beside),
            Figure.Free(
                $"{name}: the fleet with its values",
                fleet.Median,
                "ms",
                $"from the browser's start, slowest {Figure.Millis(fleet.Max)}"));
    }

    private static async Task<Look> LookAsync(IPlaywright playwright, Uri url)
    {
        var watch = Stopwatch.StartNew();
        await using var browser = await Browser.StartAsync(playwright);
        var page = await browser.NewPageAsync();
        var started = watch.Elapsed.TotalMilliseconds;
        await page.GotoAsync(url.ToString(), new PageGotoOptions { WaitUntil = WaitUntilState.Commit });
        await page.Locator(Row).First.WaitForAsync();
        var filled = watch.Elapsed.TotalMilliseconds;
        var painted = await page.EvaluateAsync<double>("performance.getEntriesByName('first-contentful-paint')[0].startTime");
        return new Look(started, started + painted, filled);
    }

    private static async Task FillAsync(string folder, int sensors, TimeSpan interval, CancellationToken cancellationToken)
    {
        await using var store = await DataSet.OpenAsync(folder, cancellationToken);
        var generator = new Generator(DataSet.Schema, new GeneratorPlan { Sensors = sensors, Interval = interval });
        var now = Instant.From(DateTimeOffset.UtcNow);
        foreach (var batch in generator.Readings(now - TimeSpan.FromDays(2), now, ReadingBatch.BulkSize))
        {
            await store.WriteAsync(batch, cancellationToken);
        }

        await DataSet.RefreshAllAsync(store, cancellationToken);
    }

    /// <param name="Started">Milliseconds until the browser has an empty page.</param>
    /// <param name="Painted">Until the first paint.</param>
    /// <param name="Filled">Until the first row of the fleet is there.</param>
    private readonly record struct Look(double Started, double Painted, double Filled);
}
