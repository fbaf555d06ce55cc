using TimeZoneConverter;

namespace Tidemark.Time;

/// <summary>Time zones by their IANA names, on Windows too, which has names of its own and without ICU knows no others.</summary>
public static class TimeZones
{
    public const string Form = "a time zone's name, such as Europe/Berlin or UTC";

    public static bool TryFind(string name, out TimeZoneInfo zone)
    {
        var found = TZConvert.TryGetTimeZoneInfo(name, out var info) && info is not null;
        zone = info ?? TimeZoneInfo.Utc;
        return found;
    }
}
