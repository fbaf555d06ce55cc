using System.Globalization;
using ScottPlot;
using Tidemark.Series;

namespace Tidemark.Cli.Query;

/// <summary>Draws an answer: a chart for each sensor and metric, in the terminal or as a picture of all.</summary>
internal sealed class SeriesChart(TelemetrySchema schema, SeriesQuery query, SeriesReader reader)
{
    private const int Height = 8;
    private const int PictureWidth = 900;
    private const int PictureHeight = 500;

    /// <param name="picture">A .svg or .png file; null for the terminal.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    public async Task DrawAsync(string? picture, CancellationToken cancellationToken)
    {
        using var plot = new Plot();
        var sensors = 0;
        await foreach (var series in reader.ReadAsync(cancellationToken))
        {
            var (times, columns) = await LoadAsync(series, cancellationToken);
            Note(series);
            sensors++;
            if (picture is null)
            {
                Draw(series, times, columns);
            }
            else
            {
                Add(plot, series, times, columns);
            }
        }

        if (sensors == 0)
        {
            Terminal.Line("no sensor of that name");
        }

        if (picture is not null)
        {
            Save(plot, picture);
            Terminal.Line($"chart: {picture}");
        }
    }

    private static async Task<(long[] Times, double[][] Columns)> LoadAsync(SensorSeries series, CancellationToken cancellationToken)
    {
        var times = new List<long>();
        var columns = series.Columns.Select(_ => new List<double>()).ToArray();
        await foreach (var batch in series.Batches.WithCancellation(cancellationToken))
        {
            times.AddRange(batch.TimesMicros);
            for (var c = 0; c < columns.Length; c++)
            {
                columns[c].AddRange(batch.Column(c));
            }
        }

        return ([.. times], [.. columns.Select(c => c.ToArray())]);
    }

    private static void Note(SensorSeries series)
    {
        if (series.Pending)
        {
            Terminal.Note($"{series.SensorId}: late readings wait for a refresh of some of these buckets; tidemark refresh brings them up "
                + "to date");
        }

        if (series.DataFrom is { } from)
        {
            Terminal.Note($"{series.SensorId}: retention has dropped what is before {from}");
        }
    }

    private void Draw(SensorSeries series, long[] times, double[][] columns)
    {
        foreach (var together in Enumerable.Range(0, columns.Length).GroupBy(c => (series.Columns[c].Metric, Scale(series.Columns[c]))))
        {
            var values = together.SelectMany(c => columns[c]).Where(v => !double.IsNaN(v)).ToList();
            Terminal.Line(Title(series, together, times.Length));
            if (values.Count == 0)
            {
                continue;
            }

            var chart = new LineChart(
                (query.Range.From.Micros, Instant.Min(query.Range.To, Instant.Max(query.Now, new Instant(times[^1]))).Micros),
                (values.Min(), values.Max()),
                Terminal.Width,
                Height);
            foreach (var column in together)
            {
                chart.Add(times, columns[column]);
            }

            foreach (var line in chart.Draw(Terminal.HasUnicode, Label))
            {
                Terminal.Line(line);
            }
        }
    }

    /// <summary>What counts or adds up has a scale of its own; all else of a metric is of one.</summary>
    private static SeriesFunction? Scale(SeriesColumn column)
        => column.Function is SeriesFunction.Count or SeriesFunction.Sum or SeriesFunction.Delta or SeriesFunction.Rate
            ? column.Function
            : null;

    private string Title(SensorSeries series, IEnumerable<int> columns, int points)
    {
        var names = string.Join(", ", columns.Select(c => series.Columns[c].Name));
        var unit = Unit(series.Columns[columns.First()]);
        var source = reader.Width is null ? "" : $", {reader.Bucket}";
        return $"{series.SensorId}: {names}{(unit.Length == 0 ? "" : $" ({unit})")}{source}, {Readable.Count(points, "point")}";
    }

    private string Unit(SeriesColumn column)
        => schema.MetricIndex(column.Metric) is var place and >= 0 && column.Function is not SeriesFunction.Count
            ? schema.Metrics[place].Unit + (column.Function is SeriesFunction.Rate ? "/s" : "")
            : "";

    private string Label(long micros) => Local(micros).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    private DateTime Local(long micros) => TimeZoneInfo.ConvertTimeFromUtc(new Instant(micros).ToDateTime(), query.Zone);

    private void Add(Plot plot, SensorSeries series, long[] times, double[][] columns)
    {
        var at = Array.ConvertAll(times, time => Local(time).ToOADate());
        for (var c = 0; c < columns.Length; c++)
        {
            var line = plot.Add.ScatterLine(at, columns[c]);
            line.LegendText = $"{series.SensorId} {series.Columns[c].Name}";
        }
    }

    private void Save(Plot plot, string path)
    {
        plot.Axes.DateTimeTicksBottom();
        plot.XLabel(query.Zone.Id);
        plot.ShowLegend(Alignment.UpperRight);
        if (path.EndsWith(".svg", StringComparison.OrdinalIgnoreCase))
        {
            plot.SaveSvg(path, PictureWidth, PictureHeight);
        }
        else
        {
            plot.SavePng(path, PictureWidth, PictureHeight);
        }
    }
}
