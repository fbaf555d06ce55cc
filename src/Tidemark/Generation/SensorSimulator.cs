using System.Globalization;

namespace Tidemark.Generation;

/// <summary>
/// Draws realistic values: a daily cycle (coldest at 04:00 UTC), a yearly one (coldest on 20 January), an offset per
/// sensor, a slow drift and noise, all inside the metric's range and rounded to two decimals. A value is a function of
/// (seed, sensor, instant) alone, so any part of a series can be drawn again.
/// </summary>
public sealed class SensorSimulator(TelemetrySchema schema, ulong seed)
{
    private const long MicrosPerHour = 3_600_000_000;
    private const double MicrosPerDay = 24.0 * MicrosPerHour;

    // Lattices of the drift: its value is interpolated between random points this far apart.
    private const long SlowLattice = 60 * MicrosPerHour;
    private const long FastLattice = 6 * MicrosPerHour;

    public static string SensorId(int sensor) => string.Create(CultureInfo.InvariantCulture, $"sensor_{sensor + 1:000}");

    /// <summary>The day's cycle and the year's at an instant, −1 to 1: the part that all sensors share.</summary>
    public static (double Daily, double Yearly) Cycles(Instant time)
    {
        var day = time.Micros / MicrosPerDay;
        return (-Math.Cos(2 * Math.PI * (day - (4.0 / 24))), -Math.Cos(2 * Math.PI * (day - 19) / 365.2425));
    }

    public void Draw(int sensor, Instant time, (double Daily, double Yearly) cycles, Span<double> values)
    {
        for (var m = 0; m < values.Length; m++)
        {
            var shape = schema.Metrics[m].Shape;
            var series = Hash(seed, ((ulong)sensor << 16) | (uint)m);
            var offset = Math.Max(0, Math.Min(0.15, 1 - Math.Abs(shape.Daily) - Math.Abs(shape.Yearly) - shape.Drift - shape.Noise));
            var swing = (shape.Daily * cycles.Daily) + (shape.Yearly * cycles.Yearly)
                + (shape.Drift * ((0.7 * Smooth(series, time.Micros, SlowLattice)) + (0.3 * Smooth(series + 1, time.Micros, FastLattice))))
                + (shape.Noise * Signed(Hash(series, (ulong)time.Micros)))
                + (offset * Signed(series));
            var value = ((shape.Low + shape.High) / 2) + ((shape.High - shape.Low) / 2 * swing);
            values[m] = Math.Clamp(Math.Round(value, 2), shape.Low, shape.High);
        }
    }

    /// <summary>A uniform number in [0, 1) for one reading and purpose; equal arguments give equal answers.</summary>
    public double Chance(int sensor, Instant time, int purpose)
        => (Hash(Hash(seed ^ 0x7469646d61726bUL, ((ulong)sensor << 8) | (uint)purpose), (ulong)time.Micros) >> 11) * (1.0 / (1UL << 53));

    private static double Smooth(ulong series, long micros, long lattice)
    {
        var cell = Math.DivRem(micros, lattice, out var rest);
        var x = (double)rest / lattice;
        var weight = x * x * (3 - (2 * x));
        return (Signed(Hash(series, (ulong)cell)) * (1 - weight)) + (Signed(Hash(series, (ulong)cell + 1)) * weight);
    }

    private static double Signed(ulong hash) => ((long)hash >> 11) * (1.0 / (1L << 52));

    /// <summary>The finaliser of SplitMix64 (Steele, Lea and Flood, 2014) over two words.</summary>
    private static ulong Hash(ulong a, ulong b)
    {
        var z = a + (b * 0x9E3779B97F4A7C15UL) + 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
