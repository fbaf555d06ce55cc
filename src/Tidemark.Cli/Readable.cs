using System.Globalization;

namespace Tidemark.Cli;

/// <summary>Numbers, sizes and times as people read them.</summary>
internal static class Readable
{
    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A count with its noun, such as <c>1 chunk</c> or <c>7,210 rows</c>.</summary>
    public static string Count(long count, string noun) => $"{Count(count)} {noun}{(count == 1 ? "" : "s")}";

    public static string Bytes(long bytes) => bytes switch
    {
        < 1L << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
        < 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:F1} KiB"),
        < 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):F1} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):F2} GiB"),
    };

    public static string Elapsed(TimeSpan elapsed) => elapsed.TotalSeconds < 1
        ? string.Create(CultureInfo.InvariantCulture, $"{elapsed.TotalMilliseconds:F0} ms")
        : string.Create(CultureInfo.InvariantCulture, $"{elapsed.TotalSeconds:F2} s");

    public static string Time(Instant? time) => time?.ToString() ?? "none";

    /// <summary>When something was done; below a second it is of no interest.</summary>
    public static string Moment(Instant? time)
        => time is { } instant ? new Instant(instant.Micros / 1_000_000 * 1_000_000).ToString() : "never";

    public static string Written(WriteResult result) => result.AppendOnly
        ? $"{Count(result.Written)} appended, {Count(result.Unchanged)} of this load were there (append-only: what is sent again "
            + "otherwise is stored again)"
        : $"{Count(result.Written)} written, {Count(result.Replaced)} replaced, {Count(result.Unchanged)} unchanged";

    /// <summary>What goes on after <see cref="Written"/>: nothing where nothing was refused.</summary>
    public static string Refused(WriteResult result)
        => result.Refused == 0 ? "" : $", {Count(result.Refused)} refused ({result.Refusals?[0].Error})";
}
