using System.Runtime.CompilerServices;

namespace Tidemark.Generation;

/// <summary>What to generate.</summary>
public sealed record GeneratorPlan
{
    /// <summary>How many sensors, <c>sensor_001</c> and on.</summary>
    public required int Sensors { get; init; }

    /// <summary>The time between two readings of a sensor: the step of a grid that is aligned to the epoch.</summary>
    public required TimeSpan Interval { get; init; }

    public ulong Seed { get; init; } = 1;

    /// <summary>The share of readings that arrive after newer ones, 0 to 1.</summary>
    public double Late { get; init; }

    /// <summary>The share of readings that are sent twice, 0 to 1.</summary>
    public double Duplicates { get; init; }

    /// <summary>The share of readings that never arrive, 0 to 1.</summary>
    public double Gaps { get; init; }
}

/// <summary>Generates readings of simulated sensors: the same plan and instants give the same readings.</summary>
public sealed class Generator(TelemetrySchema schema, GeneratorPlan plan)
{
    private const int LatePurpose = 1;
    private const int DuplicatePurpose = 2;
    private const int GapPurpose = 3;

    private readonly SensorSimulator _simulator = new(schema, plan.Seed);
    private readonly string[] _ids = [.. Enumerable.Range(0, plan.Sensors).Select(SensorSimulator.SensorId)];
    private readonly long _step = (long)plan.Interval.TotalMicroseconds;

    /// <summary>The grid's instants in [from, to], both ends included when they lie on the grid.</summary>
    public (Instant First, long Count) Grid(Instant from, Instant to)
    {
        var first = (from.Micros + _step - 1) / _step;
        var last = to.Micros / _step;
        return (new Instant(first * _step), Math.Max(0, last - first + 1));
    }

    /// <summary>
    /// Readings of [from, to] in the order they arrive: by time, then sensor; late ones at the end. Three batches are filled
    /// in turn, so that two can be on their way while the next is drawn: have the first of them written before taking a fourth.
    /// </summary>
    public IEnumerable<ReadingBatch> Readings(Instant from, Instant to, int batchSize)
    {
        var batch = new ReadingBatch(schema.MetricNames, batchSize);
        var others = new Queue<ReadingBatch>();
        foreach (var (sensor, time, cycles) in Arrivals(from, to))
        {
            Add(batch, sensor, time, cycles);
            if (batch.Count == batchSize)
            {
                yield return batch;
                others.Enqueue(batch);
                batch = others.Count < 3 ? new ReadingBatch(schema.MetricNames, batchSize) : others.Dequeue();
                batch.Clear();
            }
        }

        if (batch.Count > 0)
        {
            yield return batch;
        }
    }

    /// <summary>
    /// Readings as they happen, from the first grid instant at or after <paramref name="from"/> on, without end: one
    /// batch per instant, with the late ones of the instant before. The batch is filled again and again.
    /// </summary>
    public async IAsyncEnumerable<ReadingBatch> LiveAsync(
        Instant from,
        TimeProvider clock,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var batch = new ReadingBatch(schema.MetricNames, plan.Sensors);
        var (held, late) = (new List<(int Sensor, Instant Time)>(), new List<(int Sensor, Instant Time)>());
        for (var time = Grid(from, from + plan.Interval).First; ; time = new Instant(time.Micros + _step))
        {
            if (time - Instant.From(clock.GetUtcNow()) is { Ticks: > 0 } wait)
            {
                await Task.Delay(wait, clock, cancellationToken);
            }

            batch.Clear();
            var cycles = SensorSimulator.Cycles(time);
            foreach (var sensor in Arrivals(time, late))
            {
                Add(batch, sensor, time, cycles);
            }

            foreach (var (sensor, earlier) in held)
            {
                Add(batch, sensor, earlier, SensorSimulator.Cycles(earlier));
            }

            held.Clear();
            (held, late) = (late, held);
            yield return batch;
        }
    }

    private IEnumerable<(int Sensor, Instant Time, (double Daily, double Yearly) Cycles)> Arrivals(Instant from, Instant to)
    {
        var (first, count) = Grid(from, to);
        var late = new List<(int Sensor, Instant Time)>();
        for (var i = 0L; i < count; i++)
        {
            var time = new Instant(first.Micros + (i * _step));
            var cycles = SensorSimulator.Cycles(time);
            foreach (var sensor in Arrivals(time, late))
            {
                yield return (sensor, time, cycles);
            }
        }

        foreach (var (sensor, time) in late)
        {
            yield return (sensor, time, SensorSimulator.Cycles(time));
        }
    }

    /// <summary>The sensors whose readings of an instant arrive in time, twice where sent twice; the late ones are put down.</summary>
    private IEnumerable<int> Arrivals(Instant time, List<(int Sensor, Instant Time)> late)
    {
        for (var sensor = 0; sensor < _ids.Length; sensor++)
        {
            if (Happens(plan.Gaps, sensor, time, GapPurpose))
            {
                continue;
            }

            if (Happens(plan.Late, sensor, time, LatePurpose))
            {
                late.Add((sensor, time));
                continue;
            }

            yield return sensor;
            if (Happens(plan.Duplicates, sensor, time, DuplicatePurpose))
            {
                yield return sensor;
            }
        }
    }

    private void Add(ReadingBatch batch, int sensor, Instant time, (double Daily, double Yearly) cycles)
    {
        Span<double> values = stackalloc double[schema.Metrics.Count];
        _simulator.Draw(sensor, time, cycles, values);
        batch.Add(_ids[sensor], time, values);
    }

    private bool Happens(double share, int sensor, Instant time, int purpose)
        => share > 0 && _simulator.Chance(sensor, time, purpose) < share;
}
