using System.Globalization;
using System.Text;
using Tidemark.Generation;

namespace Tidemark.Benchmarks.Peers;

/// <summary>Readings that both stores get as the same bodies of line protocol.</summary>
/// <param name="Name">In the report and on the command line.</param>
/// <param name="Sensors">How many.</param>
/// <param name="Days">Up to the minute of the run.</param>
/// <param name="Seconds">Between two readings of a sensor.</param>
internal sealed record PeerSet(string Name, int Sensors, int Days, int Seconds)
{
    public static readonly IReadOnlyList<PeerSet> All = [new("S1", 10, 30, 60), new("S2", 500, 10, 60), new("S3", 5_000, 1, 10)];

    private const int BodySize = 10_000;

    public bool IsMiddle => this == All[1];

    public bool IsLargest => this == All[2];

    public Instant End { get; } = new(Instant.From(DateTimeOffset.UtcNow).Micros / 60_000_000 * 60_000_000);

    public long Readings => (long)Sensors * Instants;

    private int Instants => (Days * 86_400 / Seconds) + 1;

    /// <summary>What the set is, for the report.</summary>
    public string Text => string.Create(
        CultureInfo.InvariantCulture, $"{Name}: {Sensors:N0} sensors × {Days} d × {Seconds} s = {Readings:N0} readings");

    /// <summary>Bodies of 10,000 readings, oldest first, made on all cores.</summary>
    public IReadOnlyList<byte[]> Bodies() =>
    [
        .. Enumerable.Range(0, (int)((Readings + BodySize - 1) / BodySize))
            .AsParallel().AsOrdered()
            .Select(body => Body(body * (long)BodySize, Math.Min(Readings, (body + 1) * (long)BodySize))),
    ];

    private byte[] Body(long first, long end)
    {
        var simulator = DataSet.Simulator();
        var values = new double[3];
        var text = new StringBuilder();
        for (var row = first; row < end; row++)
        {
            var (instant, sensor) = Math.DivRem(row, Sensors);
            var time = End - TimeSpan.FromSeconds((Instants - 1 - instant) * (double)Seconds);
            simulator.Draw((int)sensor, time, SensorSimulator.Cycles(time), values);
            text.Append(
                CultureInfo.InvariantCulture,
                $"sensor_data,sensor_id={SensorSimulator.SensorId((int)sensor)} ");
            text.Append(
                CultureInfo.InvariantCulture,
                $"temperature={values[0]},humidity={values[1]},pressure={values[2]} {time.Micros}000\n");
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
