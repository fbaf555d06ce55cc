using System.Buffers.Binary;
using System.Xml.Linq;
using Tidemark.Cli.Client;

namespace Tidemark.App.Tests.Cli;

public sealed class ClientChartTests : IDisposable
{
    private static readonly Comparison[] Comparisons =
    [
        new("Query 1: hourly averages of 30 days", "hourly", 720, 584, 4.6, 0),
        new("Query 2: daily averages of a year", "daily", 365, 419, 1.4, 0),
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("tidemark-chart-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void An_svg_is_well_formed_and_names_both_queries()
    {
        var path = Path.Combine(_folder, "chart.svg");
        ComparisonChart.Save(Comparisons, path);
        var svg = XDocument.Load(path).Root!;
        Assert.Equal("svg", svg.Name.LocalName);
        if (!ComparisonChart.HasFonts())
        {
            Assert.Skip("this machine has no fonts, so there is no text to look for");
        }

        var texts = svg.Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value.Trim()).ToList();
        Assert.Contains("Query 1: hourly averages of 30 days (127x)", texts);
        Assert.Contains("Query 2: daily averages of a year (299.3x)", texts);
        Assert.Contains("584.0 ms", texts);
        Assert.Contains("1.4 ms", texts);
        Assert.Contains("aggregate", texts);
    }

    [Fact]
    public void A_png_is_a_picture_of_the_right_size()
    {
        var path = Path.Combine(_folder, "chart.PNG");
        ComparisonChart.Save(Comparisons, path);
        var bytes = File.ReadAllBytes(path);
        Assert.Equal([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], bytes[..8]);
        Assert.Equal(900, BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(16)));
        Assert.Equal(500, BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(20)));
        Assert.Equal("IEND"u8, bytes.AsSpan(^8..^4));
    }

    [Fact]
    public void Answers_agree_when_only_the_last_digits_differ()
    {
        var raw = Points(("a", 20.1, 3), ("b", null, 1), ("c", 0, 2));
        Assert.Equal((3, 0), ComparedQuery.Compare(raw, Points(("a", 20.1 * (1 + 1e-12), 3), ("b", null, 1), ("c", 1e-10, 2))));
        Assert.Equal((3, 3), ComparedQuery.Compare(raw, Points(("a", 20.1001, 3), ("b", 1, 1), ("c", 0, 3))));
        Assert.Equal((2, 2), ComparedQuery.Compare(raw, Points(("a", 20.1, 3), ("b", null, 1), ("d", 0, 2))));
    }

    private static Dictionary<string, (double?, long)> Points(params (string Time, double? Average, long Count)[] points)
        => points.ToDictionary(p => p.Time, p => (p.Average, p.Count));
}
