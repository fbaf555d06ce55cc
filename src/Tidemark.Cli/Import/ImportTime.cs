using System.Globalization;
using Tidemark.Ingest;

namespace Tidemark.Cli.Import;

/// <summary>
/// Reads times as files have them: RFC 3339, numbers, ISO 8601 without separators, and dates with <c>-</c> or <c>/</c>, with or without a
/// time of day and a zone; or all in one form that is given. A time without a zone is local to the given one.
/// </summary>
/// <param name="zone">Where times without a zone are local; null to refuse them.</param>
/// <param name="numbers">Reads times that are numbers, where no form is given.</param>
/// <param name="form">The form of all times, see <see cref="TimeForm"/>; null for any of those above.</param>
/// <param name="order">Of the rows: tells the two passes of an hour that a clock change repeats apart.</param>
internal sealed class ImportTime(TimeZoneInfo? zone, NumberTimes numbers, string? form = null, RowOrder order = RowOrder.None)
{
    public const string Form = "RFC 3339, a count since 1970, or a date such as 2010-01-31 or 2010/01/31 with or without a time of day "
        + "such as 09:30 or 09:30:15.5; say another form with --time-format";

    private static readonly string[] Formats =
    [
        .. from date in new[] { "yyyy-M-d", "yyyy/M/d", "yyyyMMdd" }
           from time in new[]
           {
               "' 'H:mm", "' 'H:mm:ss.FFFFFFF", "'T'H:mm", "'T'H:mm:ss.FFFFFFF", "", "' 'h:mmtt", "' 'h:mm' 'tt", "' 'h:mm:ss.FFFFFFFtt",
               "' 'h:mm:ss.FFFFFFF' 'tt", "'T'HHmmss.FFFFFFF", "'T'HHmm", "' 'HHmmss", "' 'H:mm:ss','FFFFFFF", "'T'H:mm:ss','FFFFFFF",
           }
           select $"{date}{time}K",
    ];

    private readonly string[] _formats = form is null ? Formats : [form];
    private readonly RepeatedHours _repeatedHours = new(order);
    private string _lastFormat = form ?? Formats[0];

    /// <summary>How many local times fell into a repeated hour, and were read by the order of the rows.</summary>
    public long Repeated => _repeatedHours.Count;

    public RowOrder Order => order;

    /// <summary>Whether the last time that was read had no time of day.</summary>
    public bool IsDate { get; private set; }

    /// <summary>Whether the last time that was read fell into a repeated hour.</summary>
    public bool IsRepeated { get; private set; }

    /// <param name="name">The zone's IANA name, or null for none.</param>
    /// <param name="numbers">Reads times that are numbers; null to take any as milliseconds.</param>
    /// <exception cref="CommandFailedException">The system knows no such zone.</exception>
    public static ImportTime InZone(string? name, NumberTimes? numbers = null)
        => new(Zone(name), numbers ?? NumberTimes.Milliseconds);

    /// <param name="name">An IANA name, an offset such as <c>+01:00</c>, or null for none.</param>
    /// <exception cref="CommandFailedException">The system knows no such zone.</exception>
    public static TimeZoneInfo? Zone(string? name)
    {
        if (name is null)
        {
            return null;
        }

        if (name.Length == 6 && name[0] is '+' or '-'
            && TimeSpan.TryParseExact(name.AsSpan(1), "hh':'mm", CultureInfo.InvariantCulture, out var offset)
            && offset <= TimeSpan.FromHours(14))
        {
            return TimeZoneInfo.CreateCustomTimeZone(name, name[0] == '-' ? -offset : offset, name, name);
        }

        return TimeZones.TryFind(name, out var zone)
            ? zone
            : throw new CommandFailedException(
                $"there is no time zone '{name}' on this system; names look like Europe/Berlin, UTC or +01:00");
    }

    /// <summary>As the other one, for rows that are all of one series.</summary>
    public string? TryRead(ReadOnlySpan<char> text, out Instant time) => TryRead(text, default, out time);

    /// <param name="text">Blanks around it are no part of it.</param>
    /// <param name="series">What has one value at a time.</param>
    /// <param name="time">To the microsecond.</param>
    /// <returns>Null, or one line that says what is wrong.</returns>
    public string? TryRead(ReadOnlySpan<char> text, Series series, out Instant time)
    {
        (IsDate, IsRepeated) = (false, false);
        text = text.Trim();
        time = default;
        if (text.IsEmpty)
        {
            return "time is empty";
        }

        if (form is null && Instant.TryParseNumber(text, out var number))
        {
            return numbers.Read(number, Shown(text), out time);
        }

        if (form is null && Instant.TryParse(text, out time))
        {
            return null;
        }

        if (!TryParse(text, out var parsed))
        {
            return form is null ? $"time '{Shown(text)}' is not {Form}" : $"time '{Shown(text)}' does not have the form '{form}'";
        }

        if (parsed.Kind == DateTimeKind.Utc)
        {
            time = Instant.From(parsed);
            return null;
        }

        return zone is null
            ? $"time '{Shown(text)}' has no zone; name one with --time-zone, such as --time-zone UTC or --time-zone Europe/Berlin"
            : TryPlace(parsed, zone, text, series, out time);
    }

    /// <summary>Cut to a length that fits a line, which it doesn't break.</summary>
    public static string Shown(ReadOnlySpan<char> text)
    {
        var shown = text.Length <= 60 ? text.ToString() : $"{text[..60]}…";
        return string.Concat(shown.ReplaceLineEndings(" ").Select(c => char.IsControl(c) ? '\uFFFD' : c));
    }

    private bool TryParse(ReadOnlySpan<char> text, out DateTime parsed)
    {
        if (TryParseExact(text, out parsed))
        {
            return true;
        }

        var normal = TimeForm.Normalize(text);
        return TryParseExact(normal, out parsed) || TryParseEndOfDay(normal, out parsed);
    }

    private bool TryParseExact(ReadOnlySpan<char> text, out DateTime parsed)
    {
        text = Instant.CutDecimals(text);
        // A file has one form of times nearly always.
        if (!DateTime.TryParseExact(text, _lastFormat, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out parsed))
        {
            var found = false;
            for (var f = 0; f < _formats.Length && !found; f++)
            {
                found = DateTime.TryParseExact(
                    text, _formats[f], CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out parsed);
                _lastFormat = found ? _formats[f] : _lastFormat;
            }

            if (!found)
            {
                return false;
            }
        }

        IsDate = !_lastFormat.Contains('H') && !_lastFormat.Contains('h');
        return true;
    }

    /// <summary>24:00 is the next day's midnight: the 24 that reads as 23 too, with nothing behind it, is the hour.</summary>
    private bool TryParseEndOfDay(string text, out DateTime parsed)
    {
        parsed = default;
        for (var at = text.IndexOf("24", StringComparison.Ordinal); at >= 0; at = text.IndexOf("24", at + 1, StringComparison.Ordinal))
        {
            if (TryParseExact($"{text[..at]}23{text[(at + 2)..]}", out var before) && TryParseExact(
                    $"{text[..at]}22{text[(at + 2)..]}", out var earlier)
                && before - earlier == TimeSpan.FromHours(1) && before.Ticks % TimeSpan.TicksPerHour == 0
                && before.Ticks < DateTime.MaxValue.Ticks - TimeSpan.TicksPerHour)
            {
                parsed = before.AddHours(1);
                return true;
            }
        }

        return false;
    }

    private string? TryPlace(DateTime local, TimeZoneInfo zone, ReadOnlySpan<char> text, Series series, out Instant time)
    {
        time = default;
        var offsets = Offsets(local, zone);
        if (offsets.Count == 0 && IsDate)
        {
            // The clocks skip midnight: the day begins when they have.
            offsets = [OffsetAt(local, zone, -TimeSpan.TicksPerDay)];
        }

        if (offsets.Count == 0)
        {
            return $"time '{Shown(text)}' does not exist in {zone.Id}: the clocks skip it";
        }

        var first = local.Ticks - offsets.Max().Ticks;
        var last = local.Ticks - offsets.Min().Ticks;
        if (first < 0 || last > DateTime.MaxValue.Ticks)
        {
            return $"time '{Shown(text)}' lies outside the years 1 to 9999 in UTC";
        }

        IsRepeated = first != last;
        time = _repeatedHours.Choose(series, At(first), At(last));
        return null;
    }

    private static Instant At(long ticks) => Instant.From(new DateTimeOffset(ticks, TimeSpan.Zero));

    /// <summary>
    /// The offsets at which the clocks of the zone show the time: those of the days around it that convert back to it.
    /// None is a gap, several are a repeated hour.
    /// </summary>
    private static List<TimeSpan> Offsets(DateTime local, TimeZoneInfo zone)
    {
        TimeSpan[] around =
        [
            OffsetAt(local, zone, -TimeSpan.TicksPerDay),
            OffsetAt(local, zone, 0),
            OffsetAt(local, zone, TimeSpan.TicksPerDay),
        ];
        return around[0] == around[1] && around[1] == around[2]
            ? [around[0]]
            : [.. around.Distinct().Where(offset => OffsetAt(local, zone, -offset.Ticks) == offset)];
    }

    private static TimeSpan OffsetAt(DateTime local, TimeZoneInfo zone, long later)
        => zone.GetUtcOffset(new DateTime(Math.Clamp(local.Ticks + later, 0, DateTime.MaxValue.Ticks), DateTimeKind.Utc));
}
