using Microsoft.Extensions.Configuration;
using Tidemark.Configuration;
using Tidemark.DuckDb;
using Tidemark.Generation;

namespace Tidemark.Benchmarks;

/// <summary>The readings that all workloads share: one a minute from each sensor, days of them up to the minute it was made.</summary>
internal sealed class DataSet(Plan plan)
{
    /// <summary>One row group of DuckDB, as the CLI's generator writes.</summary>
    private const int BatchReadings = 122_880;

    private const int Seed = 1;

    private static readonly TidemarkOptions Defaults = OptionsLoader.Load(new ConfigurationBuilder().Build());

    private readonly Generator _generator = new(
        Defaults.Schema,
        new GeneratorPlan { Sensors = plan.Sensors, Interval = Plan.Interval, Seed = Seed });

    public static TelemetrySchema Schema => Defaults.Schema;

    /// <summary>The last reading's time.</summary>
    public Instant End { get; } = new(Instant.From(DateTimeOffset.UtcNow).Micros / 60_000_000 * 60_000_000);

    public long Readings => (long)plan.Sensors * plan.Days * 1440;

    /// <summary>One day of readings, whole batches made beforehand on all cores; day 0 is the oldest.</summary>
    public ReadingBatch[] Day(int day)
    {
        var end = End - TimeSpan.FromDays(plan.Days - 1 - day);
        return Batches(end - TimeSpan.FromDays(1) + Plan.Interval, end);
    }

    /// <summary>Readings of [from, to], both ends included.</summary>
    public ReadingBatch[] Batches(Instant from, Instant to)
    {
        var instants = (BatchReadings + plan.Sensors - 1) / plan.Sensors;
        var span = Plan.Interval * instants;
        return
        [
            .. Enumerable.Range(0, (int)Math.Ceiling((to - from + Plan.Interval) / span))
                .AsParallel().AsOrdered()
                .Select(i => Batch(from + (i * span), Instant.Min(to, from + ((i + 1) * span) - Plan.Interval))),
        ];
    }

    /// <summary>A random sensor's id.</summary>
    public string Sensor(Random random) => SensorSimulator.SensorId(random.Next(plan.Sensors));

    /// <summary>Draws readings of sensors beyond those of the data set.</summary>
    public static SensorSimulator Simulator() => new(Defaults.Schema, Seed);

    /// <summary>Opens a store as the server does, and creates it when it isn't there.</summary>
    public static async Task<ITelemetryStore> OpenAsync(
        string folder,
        CancellationToken cancellationToken,
        int maxMetrics = TidemarkOptions.DefaultMaxMetrics)
    {
        var options = new DuckDbOptions { Folder = folder, Schema = Schema, MaxMetrics = maxMetrics };
        var store = await DuckDbStore.OpenAsync(options, cancellationToken);
        await store.InitializeAsync(cancellationToken);
        return store;
    }

    public static async Task RefreshAllAsync(ITelemetryStore store, CancellationToken cancellationToken)
    {
        foreach (var aggregate in Schema.Aggregates)
        {
            await store.RefreshAsync(aggregate.Name, null, null, cancellationToken);
        }
    }

    /// <summary>Bytes of all files in the folder.</summary>
    public static long Bytes(string folder)
        => new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length);

    // A generator fills one batch again and again; this one is asked for a single batch, which stays ours.
    private ReadingBatch Batch(Instant from, Instant to)
        => _generator.Readings(from, to, (int)_generator.Grid(from, to).Count * plan.Sensors).First();
}
