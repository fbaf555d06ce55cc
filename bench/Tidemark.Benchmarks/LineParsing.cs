using System.Diagnostics;
using System.Globalization;
using System.Text;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Benchmarks;

/// <summary>How fast one thread takes line protocol apart, and makes readings and a batch of it.</summary>
internal static class LineParsing
{
    public const string Workload = "Bodies of 100,000 lines such as "
        + "`sensor_data,sensor_id=s1 temperature=21.5,humidity=40.25,pressure=1013.2 1700000000000000000`.";

    private const int Lines = 100_000;
    private const int WarmUp = 10;
    private const int Rounds = 51;

    private static readonly int[] Places = [0, 1, 2];

    public static void Measure(Report report)
    {
        foreach (var sensors in new[] { 1, 1_000 })
        {
            var body = Body(sensors);
            var of = sensors == 1 ? "one sensor" : $"{sensors.ToString("N0", CultureInfo.InvariantCulture)} sensors in turns";
            var parser = new LineProtocolParser(LinePrecision.Nanoseconds, 1 << 20);
            report.Add(Run($"lines taken apart, {of}", null, () => Parse(parser, body)));
            var readings = new LineReadings(LinePrecision.Nanoseconds, LineNaming.Default, default, 1 << 20);
            report.Add(Run($"lines made readings, {of}", 1.5, () => Read(readings, body)));
            var batch = new ReadingBatch(["temperature", "humidity", "pressure"], Lines);
            report.Add(Run($"lines made a batch, {of}", null, () => Fill(batch, readings, body)));
        }
    }

    private static Figure Run(string name, double? bound, Func<int> work)
    {
        var (rates, bytes) = (new List<double>(), 0L);
        for (var round = 0; round < WarmUp + Rounds; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            var watch = Stopwatch.StartNew();
            if (work() != Lines)
            {
                throw new InvalidOperationException($"{name}: lines are missing");
            }

            if (round >= WarmUp)
            {
                rates.Add(Lines / watch.Elapsed.TotalSeconds / 1e6);
                bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            }
        }

        var samples = new Samples(rates);
        var beside = string.Create(
            CultureInfo.InvariantCulture,
            $"median of {Rounds} bodies, {samples.Percentile(0):F2} to {samples.Max:F2}; "
                + $"{bytes / (double)Lines:F2} bytes allocated a line");
        return bound is { } least
            ? Figure.AtLeast(name, samples.Median, least, "M lines/s", beside)
            : Figure.Free(name, samples.Median, "M lines/s", beside);
    }

    private static int Parse(LineProtocolParser parser, ReadOnlySpan<byte> body)
    {
        var lines = 0;
        while (parser.TryRead(ref body, isFinal: true, out var line))
        {
            lines += line.Error is null ? 1 : 0;
        }

        return lines;
    }

    private static int Read(LineReadings readings, ReadOnlySpan<byte> body)
    {
        readings.Clear();
        readings.Read(ref body, isFinal: true);
        return readings.Count;
    }

    private static int Fill(ReadingBatch batch, LineReadings readings, ReadOnlySpan<byte> body)
    {
        Read(readings, body);
        batch.Clear();
        Span<double> values = stackalloc double[Places.Length];
        for (var row = 0; row < readings.Count; row++)
        {
            readings.CopyValues(row, Places, values);
            batch.Add(readings.SensorId(row), readings.Time(row), values);
        }

        return batch.Count;
    }

    private static byte[] Body(int sensors)
    {
        var (text, random) = (new StringBuilder(), new Random(1));
        for (var line = 0; line < Lines; line++)
        {
            var time = 1_700_000_000_000_000_000 + (line / sensors * 1_000_000_000L);
            text.Append(
                CultureInfo.InvariantCulture,
                $"sensor_data,sensor_id=s{1 + (line % sensors)} temperature={random.Next(150, 350) / 10.0:F1},");
            text.Append(CultureInfo.InvariantCulture, $"humidity={random.Next(3000, 8000) / 100.0:F2},");
            text.Append(CultureInfo.InvariantCulture, $"pressure={random.Next(9800, 10200) / 10.0:F1} {time}\n");
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
