using System.Globalization;
using ScottPlot;
using Spectre.Console;

namespace Tidemark.Cli.Client;

/// <summary>Comparisons as bars: in the terminal, and as an SVG or PNG file.</summary>
internal static class ComparisonChart
{
    private const int TerminalWidth = 78;
    private const int Width = 900;
    private const int Height = 500;

    public static void Draw(IReadOnlyList<Comparison> comparisons)
    {
        // Values stand in the labels: beside the bar, the chart would take their width off the bar.
        var chart = new BarChart { Width = TerminalWidth, ShowValues = false };
        foreach (var comparison in comparisons)
        {
            // The table above has the whole name.
            var name = comparison.Name.Split(':')[0];
            chart.AddItem($"{name}, raw {Milliseconds(comparison.RawMs)}", comparison.RawMs, Spectre.Console.Color.Orange1);
            chart.AddItem(
                $"{name}, aggregate {Milliseconds(comparison.AggregateMs)}",
                comparison.AggregateMs,
                Spectre.Console.Color.Green);
        }

        Terminal.Write(chart);
    }

    /// <summary>Whether the system can write text into a picture.</summary>
    public static bool HasFonts()
        => Fonts.GetTypeface(Fonts.Default, FontWeight.Normal, FontSlant.Upright, FontSpacing.Normal).ContainsGlyph('m');

    /// <param name="comparisons">Two bars each.</param>
    /// <param name="path">Ends in .svg or .png.</param>
    public static void Save(IReadOnlyList<Comparison> comparisons, string path)
    {
        using var plot = new Plot();
        plot.Title("Raw readings against continuous aggregates");
        plot.YLabel("median, ms");
        AddBars(plot, "raw readings", Colors.DarkOrange, comparisons.Select((c, i) => (3.0 * i, c.RawMs)));
        AddBars(plot, "aggregate", Colors.SeaGreen, comparisons.Select((c, i) => ((3.0 * i) + 1, c.AggregateMs)));
        plot.Axes.Bottom.SetTicks(
            [.. comparisons.Select((_, i) => (3.0 * i) + 0.5)],
            [.. comparisons.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Name} ({c.Speedup:0.#}x)"))]);
        plot.Axes.Margins(bottom: 0, top: 0.2);
        plot.HideGrid();
        plot.ShowLegend(Alignment.UpperRight);
        if (path.EndsWith(".svg", StringComparison.OrdinalIgnoreCase))
        {
            plot.SaveSvg(path, Width, Height);
        }
        else
        {
            plot.SavePng(path, Width, Height);
        }
    }

    private static void AddBars(Plot plot, string label, ScottPlot.Color color, IEnumerable<(double Position, double Value)> bars)
    {
        var added = plot.Add.Bars(bars.Select(bar => new Bar
        {
            Position = bar.Position,
            Value = bar.Value,
            FillColor = color,
            Label = Milliseconds(bar.Value),
        }).ToArray());
        added.LegendText = label;
    }

    private static string Milliseconds(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:0.0} ms");
}
