namespace Tidemark.Benchmarks;

/// <summary>Questions about one sensor after another, drawn at random: through the driver alone, the store, and HTTP.</summary>
internal sealed class SensorQueries(DataSet data, string storeFolder)
{
    private const int WarmUp = 200;
    private const int Count = 500;

    private readonly Dictionary<SensorQuery, (Samples? Driver, Samples Store)> _below = [];

    /// <summary>The layers below HTTP, while no server has the store open.</summary>
    public async Task MeasureBelowAsync(IReadOnlyList<SensorQuery> queries, CancellationToken cancellationToken)
    {
        Report.Note("queries: driver and store");
        var driver = new Dictionary<SensorQuery, Samples>();
        using (var layer = new DriverLayer(storeFolder))
        {
            foreach (var query in queries.Where(q => q.Driver is not null))
            {
                driver.Add(query, await layer.MeasureAsync(query.Driver!, WarmUp, Count, Sensors(), cancellationToken));
            }
        }

        await using var store = await DataSet.OpenAsync(storeFolder, cancellationToken);
        foreach (var query in queries)
        {
            var sensors = Sensors();
            var samples = await Samples.MeasureAsync(
                WarmUp,
                Count,
                _ => query.Store(store, sensors(), cancellationToken),
                cancellationToken);
            _below.Add(query, (driver.GetValueOrDefault(query), samples));
        }
    }

    public async Task<IReadOnlyList<Figure>> MeasureHttpAsync(
        Uri url,
        IReadOnlyList<SensorQuery> queries,
        CancellationToken cancellationToken)
    {
        Report.Note("queries: HTTP");
        using var http = new HttpLayer(url);
        var figures = new List<Figure>();
        foreach (var query in queries)
        {
            var samples = await http.MeasureAsync(query, WarmUp, Count, Sensors(), cancellationToken);
            figures.Add(Figure.Below(
                $"{query.Name}, HTTP median",
                samples.Median,
                query.Bound,
                "ms",
                $"p95 {Figure.Millis(samples.Percentile(0.95))}{Below(query)}"));
        }

        return figures;
    }

    private string Below(SensorQuery query)
    {
        if (!_below.TryGetValue(query, out var layers))
        {
            return "";
        }

        var driver = layers.Driver is { } samples ? $", driver alone {Figure.Millis(samples.Median)}" : "";
        return $"; store {Figure.Millis(layers.Store.Median)}{driver}";
    }

    /// <summary>The same sensors for each question and layer.</summary>
    private Func<string> Sensors()
    {
        var random = new Random(1);
        return () => data.Sensor(random);
    }
}
