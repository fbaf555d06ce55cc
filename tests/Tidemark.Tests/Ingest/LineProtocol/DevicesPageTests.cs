using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Tests.Ingest.LineProtocol;

/// <summary>What docs/devices.md says of line protocol is what happens.</summary>
public partial class DevicesPageTests
{
    [Fact]
    public void Its_lines_become_the_readings_beside_them()
    {
        foreach (var row in Rows("line", "sensor", "time", "reading"))
        {
            var readings = Read(row[0]);
            var values = new double[readings.Metrics.Count];
            readings.CopyValues(0, [.. Enumerable.Range(0, values.Length)], values);
            var shown = readings.Metrics.Zip(values, (name, value) => string.Create(CultureInfo.InvariantCulture, $"{name}={value}"));
            Assert.Equal(row[1..].AsEnumerable(), [readings.SensorId(0), $"{readings.Time(0)}", string.Join(' ', shown)]);
        }
    }

    [Fact]
    public void Its_names_become_the_metrics_beside_them()
        => Assert.All(Rows("sent", "metric"), row => Assert.Equal(row[1], MetricName.From(row[0])));

    [Fact]
    public void Its_refused_lines_are_refused_for_the_reasons_beside_them()
        => Assert.All(Rows("line", "reason"), row => Assert.Equal(row[1], Assert.Single(Read(row[0]).Errors).Message));

    private static LineReadings Read(string line)
    {
        var readings = new LineReadings(LinePrecision.Nanoseconds, LineNaming.Default, default, 1 << 16);
        ReadOnlySpan<byte> utf8 = Encoding.UTF8.GetBytes(line);
        readings.Read(ref utf8, isFinal: true);
        return readings;
    }

    /// <summary>The cells of the table with these columns, without backticks.</summary>
    private static List<string[]> Rows(params string[] columns)
    {
        var page = File.ReadAllLines(Path.Combine(Root(), "docs", "devices.md"));
        var rows = page.SkipWhile(line => line != $"| {string.Join(" | ", columns)} |").Skip(2).TakeWhile(line => line.StartsWith('|'))
            .Select(line => Cell().Matches(line).Select(cell => cell.Groups[1].Value.Trim('`')).ToArray())
            .ToList();
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Equal(columns.Length, row.Length));
        return rows;
    }

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Tidemark.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("these tests run inside a clone");
        }

        return folder;
    }

    [GeneratedRegex(@" ([^|]+?) \|")]
    private static partial Regex Cell();
}
