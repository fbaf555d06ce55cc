using System.Globalization;
using Tidemark.Ingest;

namespace Tidemark.Cli.Import;

/// <summary>
/// Reads times as files have them: RFC 3339, epoch milliseconds, and dates with <c>-</c> or <c>/</c>, with or without a
/// time of day, seconds and a zone. A time without a zone is local to the given one: in the hour that a clock change
/// skips it is refused, in the hour that it repeats the first of the two instants is taken.
/// </summary>
/// <param name="zone">Where times without a zone are local; null to refuse them.</param>
/// <param name="numbers">Reads times that are numbers.</param>
internal sealed class ImportTime(TimeZoneInfo? zone, NumberTimes numbers)
{
    public const string Form = "RFC 3339, epoch milliseconds, or a date such as 2010-01-31 or 2010/01/31 with or without a time of day "
        + "such as 09:30 or 09:30:15.5";

    private static readonly string[] Formats =
    [
        .. from date in new[] { "yyyy-MM-dd", "yyyy/MM/dd" }
           from time in new[] { "' 'HH:mm", "' 'HH:mm:ss.FFFFFFF", "'T'HH:mm", "'T'HH:mm:ss.FFFFFFF", "" }
           select $"{date}{time}K",
    ];

    private string _lastFormat = Formats[0];

    /// <summary>How many local times fell into a repeated hour.</summary>
    public long Repeated { get; private set; }

    /// <param name="name">The zone's IANA name, or null for none.</param>
    /// <param name="numbers">Reads times that are numbers; null to take any as milliseconds.</param>
    /// <exception cref="CommandFailedException">The system knows no such zone.</exception>
    public static ImportTime InZone(string? name, NumberTimes? numbers = null)
    {
        TimeZoneInfo? zone = null;
        return name is null || TimeZoneInfo.TryFindSystemTimeZoneById(name, out zone)
            ? new ImportTime(zone, numbers ?? NumberTimes.Milliseconds)
            : throw new CommandFailedException($"there is no time zone '{name}' on this system; names look like Europe/Berlin or UTC");
    }

    /// <returns>Null, or one line that says what is wrong.</returns>
    public string? TryRead(ReadOnlySpan<char> text, out Instant time)
    {
        text = text.Trim();
        if (Instant.TryParseNumber(text, out var number))
        {
            return numbers.Read(number, Shown(text), out time);
        }

        if (Instant.TryParse(text, out time))
        {
            return null;
        }

        if (text.IsEmpty)
        {
            return "time is empty";
        }

        if (!TryParse(Instant.CutDecimals(text), out var parsed))
        {
            return $"time '{Shown(text)}' is not {Form}";
        }

        if (parsed.Kind == DateTimeKind.Utc)
        {
            time = Instant.From(parsed);
            return null;
        }

        return zone is null
            ? $"time '{Shown(text)}' has no zone; name one with --time-zone, such as --time-zone UTC or --time-zone Europe/Berlin"
            : TryPlace(parsed, zone, text, out time);
    }

    /// <summary>Cut to a length that fits a line, which it doesn't break.</summary>
    public static string Shown(ReadOnlySpan<char> text)
    {
        var shown = text.Length <= 60 ? text.ToString() : $"{text[..60]}…";
        return string.Concat(shown.ReplaceLineEndings(" ").Select(c => char.IsControl(c) ? '\uFFFD' : c));
    }

    private bool TryParse(ReadOnlySpan<char> text, out DateTime parsed)
    {
        // A file has one form of times nearly always.
        const DateTimeStyles Style = DateTimeStyles.AdjustToUniversal;
        if (DateTime.TryParseExact(text, _lastFormat, CultureInfo.InvariantCulture, Style, out parsed))
        {
            return true;
        }

        foreach (var format in Formats)
        {
            if (DateTime.TryParseExact(text, format, CultureInfo.InvariantCulture, Style, out parsed))
            {
                _lastFormat = format;
                return true;
            }
        }

        return false;
    }

    private string? TryPlace(DateTime local, TimeZoneInfo zone, ReadOnlySpan<char> text, out Instant time)
    {
        time = default;
        var offsets = Offsets(local, zone);
        if (offsets.Count == 0)
        {
            return $"time '{Shown(text)}' does not exist in {zone.Id}: the clocks skip it";
        }

        if (offsets.Count > 1)
        {
            Repeated++;
        }

        var ticks = local.Ticks - offsets.Max().Ticks;
        if (ticks < 0 || ticks > DateTime.MaxValue.Ticks)
        {
            return $"time '{Shown(text)}' lies outside the years 1 to 9999 in UTC";
        }

        time = Instant.From(new DateTimeOffset(ticks, TimeSpan.Zero));
        return null;
    }

    /// <summary>
    /// The offsets at which the clocks of the zone show the time: those of the days around it that convert back to it.
    /// None is a gap, several are a repeated hour.
    /// </summary>
    private static List<TimeSpan> Offsets(DateTime local, TimeZoneInfo zone)
    {
        var utc = DateTime.SpecifyKind(local, DateTimeKind.Utc);
        TimeSpan[] around = [OffsetAt(-TimeSpan.TicksPerDay), OffsetAt(0), OffsetAt(TimeSpan.TicksPerDay)];
        return around[0] == around[1] && around[1] == around[2]
            ? [around[0]]
            : [.. around.Distinct().Where(offset => OffsetAt(-offset.Ticks) == offset)];

        TimeSpan OffsetAt(long later)
            => zone.GetUtcOffset(new DateTime(Math.Clamp(utc.Ticks + later, 0, DateTime.MaxValue.Ticks), DateTimeKind.Utc));
    }
}
