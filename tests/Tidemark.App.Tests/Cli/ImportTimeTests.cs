using System.Diagnostics;
using System.Globalization;
using Tidemark.Cli;
using Tidemark.Cli.Import;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Cli;

public class ImportTimeTests
{
    [Theory]
    [InlineData("2010-01-01T00:00:00Z", "2010-01-01T00:00:00Z")]
    [InlineData("2010-01-01T01:00:00.123456+01:00", "2010-01-01T00:00:00.123456Z")]
    [InlineData("2010-01-01 00:00+02:00", "2009-12-31T22:00:00Z")]
    [InlineData("2010/01/01 00:00:30Z", "2010-01-01T00:00:30Z")]
    [InlineData("2010-01-01T01:00:00.123456789+01:00", "2010-01-01T00:00:00.123456Z")]
    [InlineData("2010/01/01 00:00:00.1234567891234Z", "2010-01-01T00:00:00.123456Z")]
    [InlineData("1262304000000", "2010-01-01T00:00:00Z")]
    [InlineData("1.262304E+12", "2010-01-01T00:00:00Z")]
    public void A_time_with_a_zone_needs_no_option(string text, string expected)
    {
        Assert.Null(ImportTime.InZone(null).TryRead(text, out var time));
        Assert.Equal(expected, time.ToString());
    }

    [Theory]
    [InlineData("2010/01/01 00:00", "2009-12-31T23:00:00Z")]
    [InlineData("2010-01-01 00:00:00", "2009-12-31T23:00:00Z")]
    [InlineData("2010-07-01T00:00:00.5", "2010-06-30T22:00:00.500000Z")]
    [InlineData("2010-07-01T00:00:00.123456789", "2010-06-30T22:00:00.123456Z")]
    [InlineData(" 2010-07-01 ", "2010-06-30T22:00:00Z")]
    [InlineData("2010-01-01T00:00:00Z", "2010-01-01T00:00:00Z")]
    public void A_time_without_a_zone_is_local_to_the_option(string text, string expected)
    {
        Assert.Null(ImportTime.InZone("Europe/Berlin").TryRead(text, out var time));
        Assert.Equal(expected, time.ToString());
    }

    [Fact]
    public void A_time_without_a_zone_and_no_option_is_refused_with_the_remedy()
        => Assert.Equal(
            "time '2010/01/01 00:00' has no zone; name one with --time-zone, such as --time-zone UTC or --time-zone Europe/Berlin",
            ImportTime.InZone(null).TryRead("2010/01/01 00:00", out _));

    [Theory]
    [InlineData("2026-03-29 01:59:59", "2026-03-29T00:59:59Z", null)]
    [InlineData("2026-03-29 02:00", null, "time '2026-03-29 02:00' does not exist in Europe/Berlin: the clocks skip it")]
    [InlineData(
        "2026-03-29 02:59:59.999999",
        null,
        "time '2026-03-29 02:59:59.999999' does not exist in Europe/Berlin: the clocks skip it")]
    [InlineData("2026-03-29 03:00", "2026-03-29T01:00:00Z", null)]
    public void The_hour_that_a_clock_change_skips_is_refused(string text, string? expected, string? error)
    {
        Assert.Equal(error, ImportTime.InZone("Europe/Berlin").TryRead(text, out var time));
        Assert.Equal(expected, error is null ? time.ToString() : null);
    }

    [Theory]
    [InlineData("2026-10-25 01:59:59", "2026-10-24T23:59:59Z", 0)]
    [InlineData("2026-10-25 02:00", "2026-10-25T00:00:00Z", 1)]
    [InlineData("2026-10-25 02:59", "2026-10-25T00:59:00Z", 1)]
    [InlineData("2026-10-25 03:00", "2026-10-25T02:00:00Z", 0)]
    public void Of_the_hour_that_a_clock_change_repeats_the_first_is_taken_and_counted(string text, string expected, long repeated)
    {
        var reader = ImportTime.InZone("Europe/Berlin");
        Assert.Null(reader.TryRead(text, out var time));
        Assert.Equal(expected, time.ToString());
        Assert.Equal(repeated, reader.Repeated);
    }

    [Fact]
    public void Clock_changes_of_all_zones_are_those_of_the_system()
    {
        TestLength.SkipUnlessShare();
        var zones = TimeZoneInfo.GetSystemTimeZones().Select(z => z.Id).Where(id => File.Exists($"/usr/share/zoneinfo/{id}")).ToList();
        Assert.SkipUnless(File.Exists("/usr/bin/zdump") && zones.Count > 0, "zdump is not there");
        using var zdump = Process.Start(
            new ProcessStartInfo("/usr/bin/zdump", ["-v", "-c", "1971,2037", .. zones]) { RedirectStandardOutput = true })!;
        var (changes, wrong) = (0, new List<string>());
        (string Zone, long Offset) before = ("", 0);
        while (zdump.StandardOutput.ReadLine() is { } line)
        {
            // Two lines tell of a change: its second before and its first second.
            var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length != 16 || !DateTime.TryParseExact(
                string.Join(' ', parts[2..6]),
                "MMM d HH:mm:ss yyyy",
                CultureInfo.InvariantCulture,
                DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal,
                out var utc))
            {
                continue;
            }

            var (zone, offset) = (parts[0], long.Parse(parts[15]["gmtoff=".Length..], CultureInfo.InvariantCulture));
            if (before.Zone == zone && before.Offset != offset && offset % 60 == 0 && before.Offset % 60 == 0 && utc.Second == 0)
            {
                changes++;
                wrong.AddRange(Differences(zone, utc, before.Offset, offset));
            }

            before = (zone, offset);
        }

        Assert.True(changes > 10_000, $"{changes} changes");
        Assert.Empty(wrong);
    }

    private static IEnumerable<string> Differences(string zone, DateTime change, long before, long after)
    {
        (DateTime Local, long? Offset, bool Repeated)[] expected =
        [
            (change.AddSeconds(Math.Min(before, after) - 1), before, false),
            (change.AddSeconds(Math.Min(before, after)), before < after ? null : before, before > after),
            (change.AddSeconds(Math.Max(before, after) - 1), before < after ? null : before, before > after),
            (change.AddSeconds(Math.Max(before, after)), after, false),
        ];
        foreach (var (local, offset, repeated) in expected)
        {
            var reader = ImportTime.InZone(zone);
            var error = reader.TryRead(local.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), out var time);
            var right = offset is { } seconds
                ? error is null && time == Instant.From(local.AddSeconds(-seconds)) && (reader.Repeated > 0) == repeated
                : error is not null;
            if (!right)
            {
                yield return $"{zone} {local:yyyy-MM-dd HH:mm:ss}: {error ?? time.ToString()}, not "
                    + $"{(offset is null ? "refused" : $"offset {offset}")}";
            }
        }
    }

    [Theory]
    [InlineData("Europe/Dublin", "2026-03-29 01:10", null)]
    [InlineData("Europe/Dublin", "2026-03-29 00:10", "2026-03-29T00:10:00Z")]
    [InlineData("Europe/Dublin", "2026-10-25 01:10", "2026-10-25T00:10:00Z")]
    public void Zones_whose_winter_is_the_exception_are_read_like_others(string zone, string text, string? expected)
    {
        var error = ImportTime.InZone(zone).TryRead(text, out var time);
        Assert.Equal(expected, error is null ? time.ToString() : null);
    }

    [Theory]
    [InlineData("", "time is empty")]
    [InlineData("yesterday", "time 'yesterday' is not " + ImportTime.Form)]
    [InlineData("2010-02-30", "time '2010-02-30' is not " + ImportTime.Form)]
    [InlineData("01/02/2010", "time '01/02/2010' is not " + ImportTime.Form)]
    [InlineData("0001-01-01 00:30", "time '0001-01-01 00:30' lies outside the years 1 to 9999 in UTC")]
    public void Anything_else_is_refused(string text, string error)
        => Assert.Equal(error, ImportTime.InZone("Europe/Berlin").TryRead(text, out _));

    [Fact]
    public void An_unknown_zone_is_an_error_in_one_line()
    {
        var error = Assert.Throws<CommandFailedException>(() => ImportTime.InZone("Europe/Atlantis"));
        Assert.Equal("there is no time zone 'Europe/Atlantis' on this system; names look like Europe/Berlin, UTC or +01:00", error.Message);
    }
}
