using System.Globalization;
using Microsoft.Playwright;
using Tidemark.App.Tests.Http;

namespace Tidemark.App.Tests.Browser;

/// <summary>What a reader of the charts sees and does.</summary>
internal static class Charts
{
    /// <summary>When the server's clock stands.</summary>
    public static readonly Instant Now = Instant.Utc(2026, 11, 22, 10, 30);

    /// <summary>
    /// A reading every ten minutes of the last thirty days, temperature and humidity, but none of the second day before now, from noon on
    /// for six hours.
    /// </summary>
    public static async Task FillAsync(RunningServer server, params string[] sensors)
    {
        var batch = new ReadingBatch(server.Store.Schema.MetricNames, sensors.Length * 4321);
        foreach (var (place, sensor) in sensors.Index())
        {
            for (var minute = 30 * 1440; minute >= 0; minute -= 10)
            {
                var time = new Instant(Now.Micros - (minute * 60_000_000L));
                if (time < Instant.Utc(2026, 11, 20, 12) || time >= Instant.Utc(2026, 11, 20, 18))
                {
                    batch.Add(sensor, time, [Temperature(place, minute), 50 + (place % 7), double.NaN]);
                }
            }
        }

        await server.Store.WriteAsync(batch, CancellationToken.None);
        await server.RefreshAsync();
    }

    public static double Temperature(int sensor, int minutesAgo)
        => Math.Round(20 + sensor + (5 * Math.Sin(minutesAgo / 1440.0 * Math.Tau)), 2);

    /// <summary>What is said of the points: what they are and what they come from.</summary>
    public static ILocator Notes(this Visit visit) => visit.Page.Locator(".notes");

    public static ILocator Stage(this Visit visit) => visit.Page.Locator(".stage");

    public static ILocator Button(this Visit visit, string name)
        => visit.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = name, Exact = true });

    /// <summary>The switch of a metric, with its last value.</summary>
    public static ILocator Chip(this Visit visit, string metric)
        => visit.Page.Locator(".chip", new PageLocatorOptions { HasText = metric });

    /// <summary>Waits until the charts show the answer to what is asked.</summary>
    public static Task DrawnAsync(this Visit visit) => Assertions.Expect(visit.Stage()).ToHaveAttributeAsync(
        "aria-busy", "false", new LocatorAssertionsToHaveAttributeOptions { Timeout = 30_000 });

    /// <summary>Does something that leads to a question, and waits until its answer is drawn.</summary>
    public static async Task AskAsync(this Visit visit, Func<Task> action)
    {
        await visit.DrawnAsync();
        await action();
        await visit.DrawnAsync();
    }

    /// <summary>The table of values: a row's cells, the newest first.</summary>
    public static async Task<IReadOnlyList<string[]>> ValuesAsync(this Visit visit)
    {
        await visit.DrawnAsync();
        await visit.Page.Locator("details.values").EvaluateAsync("details => { details.open = true; }");
        var rows = visit.Page.Locator("details.values tbody tr");
        await rows.First.WaitForAsync();
        return await visit.Page.EvaluateAsync<string[][]>(
            "[...document.querySelectorAll('details.values tbody tr')].map(row => [...row.children].map(cell => cell.textContent))");
    }

    /// <summary>What the address has behind <c>/#/</c>: a link to what is shown.</summary>
    public static string Address(this Visit visit)
        => visit.Page.Url[(visit.Page.Url.IndexOf('#', StringComparison.Ordinal) + 2)..];

    /// <summary>The range that the address names.</summary>
    public static (Instant From, Instant To) AddressRange(this Visit visit)
    {
        var query = Query(visit.Page.Url);
        return (InstantOf(query["from"]), InstantOf(query["to"]));

        static Instant InstantOf(string text)
        {
            Assert.True(Instant.TryParse(text, out var instant), text);
            return instant;
        }
    }

    /// <summary>The question whose answer is the CSV of what is shown.</summary>
    public static async Task<string> CsvAsync(this Visit visit)
        => (await visit.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "CSV" }).GetAttributeAsync("href"))!;

    public static Dictionary<string, string> Query(string text) => text[(text.IndexOf('?', StringComparison.Ordinal) + 1)..].Split('&')
        .Select(p => p.Split('=', 2))
        .ToDictionary(p => Uri.UnescapeDataString(p[0]), p => Uri.UnescapeDataString(p[1]), StringComparer.Ordinal);

    /// <summary>How many pixels of a part of the only plot have the colour of the first line or of its range.</summary>
    public static async Task<int> InkAsync(this Visit visit, Instant from, Instant to, Instant shownFrom, Instant shownTo)
    {
        var length = (double)(shownTo.Micros - shownFrom.Micros);
        var (first, last) = ((from.Micros - shownFrom.Micros) / length, (to.Micros - shownFrom.Micros) / length);
        await visit.DrawnAsync();
        return await visit.Page.EvaluateAsync<int>(string.Create(CultureInfo.InvariantCulture, $$"""
            (async () => {
              await new Promise(painted => requestAnimationFrame(() => requestAnimationFrame(painted)));
              const canvas = document.querySelector('.stage canvas');
              const scale = canvas.width / canvas.clientWidth;
              const [left, width] = [64, canvas.clientWidth - 64 - 14];
              const [x, end] = [left + {{first}} * width, left + {{last}} * width].map(place => Math.round(place * scale));
              const { data } = canvas.getContext('2d').getImageData(x, 40 * scale, end - x, canvas.height - 80 * scale);
              let ink = 0;
              for (let i = 0; i < data.length; i += 4) {
                ink += data[i + 3] > 0 && data[i + 2] - data[i] > 20 ? 1 : 0;
              }
              return ink;
            })()
            """));
    }

    /// <summary>The middle of the plot on the screen, or a share of its width.</summary>
    public static async Task<(float X, float Y)> PointAsync(this Visit visit, double share)
    {
        var box = (await visit.Stage().BoundingBoxAsync())!;
        return ((float)(box.X + 64 + (share * (box.Width - 80))), box.Y + 100);
    }
}
