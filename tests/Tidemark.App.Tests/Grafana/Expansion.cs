using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tidemark.App.Tests.Grafana;

/// <summary>
/// What Grafana puts in the places of variables and macros before a query leaves it. Each rule names where it is documented, by pages of
/// Grafana's and Infinity's documentation.
/// </summary>
/// <param name="Sensors">The chosen ones.</param>
/// <param name="Metric">The chosen one.</param>
/// <param name="From">The dashboard's range.</param>
/// <param name="To">Its end.</param>
/// <param name="Interval">How much of it a point of the panel spans.</param>
/// <param name="Zone">The dashboard's.</param>
/// <param name="Silence">A variable of the dashboard for PostgreSQL.</param>
internal sealed partial record Expansion(
    IReadOnlyList<string> Sensors,
    string Metric,
    Instant From,
    Instant To,
    string Interval = "1m",
    string Zone = "utc",
    string Silence = "15 minutes")
{
    private TimeSpan Width => TimeSpan.FromSeconds(int.Parse(Interval[..^1], CultureInfo.InvariantCulture) * (Interval[^1] switch
    {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => 86_400,
    }));

    /// <summary>
    /// "Variable syntax": csv joins by commas, sqlstring quotes each value and doubles quotes in it, raw leaves it as it is. "Global
    /// variables": $__interval and $__interval_ms are what a point spans, $__timezone is utc or an IANA name.
    /// </summary>
    public string Variables(string text) => Variable().Replace(
        text,
        match => (Name(match), match.Groups["format"].Value) switch
        {
            ("sensors", "csv") => string.Join(',', Sensors),
            ("sensors", "sqlstring") => string.Join(',', Sensors.Select(Quoted)),
            ("metric", "raw") => Metric,
            ("metric", "sqlstring") => Quoted(Metric),
            ("silence", "sqlstring") => Quoted(Silence),
            ("__timezone", "") => Zone,
            ("__interval", "") => Interval,
            ("__interval_ms", "") => Width.TotalMilliseconds.ToString(CultureInfo.InvariantCulture),
            _ => match.Value,
        });

    /// <summary>"Macros" of Infinity: epoch milliseconds, put in on the server.</summary>
    public string Infinity(string text) => Complete(Variables(text)
        .Replace("${__timeFrom}", $"{From.EpochMillis}", StringComparison.Ordinal)
        .Replace("${__timeTo}", $"{To.EpochMillis}", StringComparison.Ordinal));

    /// <summary>
    /// "PostgreSQL query editor" and, of the switch TimescaleDB, "Configure the PostgreSQL data source": $__timeGroup is time_bucket. Times
    /// are quoted, in RFC 3339.
    /// </summary>
    public string Sql(string text) => Complete(TimeGroup().Replace(
        Variables(text),
        match => string.Create(CultureInfo.InvariantCulture, $"time_bucket('{Width.TotalSeconds:F3}s', {match.Groups[1]}) AS \"time\""))
        .Replace("$__timeFrom()", $"'{From}'", StringComparison.Ordinal)
        .Replace("$__timeTo()", $"'{To}'", StringComparison.Ordinal));

    private static string Name(Match match) => match.Groups["braced"].Success ? match.Groups["braced"].Value : match.Groups["bare"].Value;

    private static string Quoted(string value) => $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>What nothing took the place of would go to the store as it is.</summary>
    private static string Complete(string text)
    {
        Assert.DoesNotContain("$", text, StringComparison.Ordinal);
        return text;
    }

    [GeneratedRegex(@"\$\{(?<braced>\w+)(?::(?<format>\w+))?\}|\$(?<bare>\w+)(?!\()\b")]
    private static partial Regex Variable();

    [GeneratedRegex(@"\$__timeGroupAlias\((\w+),'[^']+'\)")]
    private static partial Regex TimeGroup();
}

/// <summary>What a panel is drawn of, its rows ordered so that two sources can be compared.</summary>
/// <param name="Columns">By name, without time and sensor_id.</param>
/// <param name="Rows">Time, sensor (empty where there is none) and values.</param>
internal sealed record Frame(IReadOnlyList<string> Columns, IReadOnlyList<FrameRow> Rows)
{
    public static Frame Of(IReadOnlyList<string> columns, IEnumerable<FrameRow> rows)
        => new(columns, [.. rows.OrderBy(r => r.Sensor, StringComparer.Ordinal).ThenBy(r => r.Micros)]);

    /// <summary>Sums of binary fractions differ in their last bits by the order in which they are added.</summary>
    public static void AssertSame(Frame expected, Frame actual, string what)
    {
        Assert.Equal(expected.Columns, actual.Columns);
        Assert.True(
            expected.Rows.Count == actual.Rows.Count,
            $"{what}: expected {expected.Rows.Count} rows, got {actual.Rows.Count}\n{expected.Shown()}\n{actual.Shown()}");
        foreach (var (row, other) in expected.Rows.Zip(actual.Rows))
        {
            Assert.True(row.IsAbout(other), $"{what}: expected {row}, got {other}");
        }
    }

    private string Shown() => string.Join(' ', Rows.Take(5));
}

internal sealed record FrameRow(long Micros, string Sensor, params IReadOnlyList<double?> Values)
{
    public bool IsAbout(FrameRow other) => Micros == other.Micros && Sensor == other.Sensor && Values.Zip(other.Values).All(
        p => p.First is null || p.Second is null ? p.First == p.Second : Math.Abs(p.First.Value - p.Second.Value) < 1e-9 * (1 + Math.Abs(
            p.First.Value)));

    public override string ToString() => $"{new Instant(Micros)} {Sensor} {JsonSerializer.Serialize(Values)}";
}
