using TimeZoneConverter;

namespace Tidemark.Time;

/// <summary>
/// Time zones by their IANA names. Windows has names of its own and knows the others only with ICU, which is left out, so that they are
/// translated there.
/// </summary>
public static class TimeZones
{
    public const string Form = "a time zone that this system knows, such as Europe/Berlin or UTC";

    /// <returns>False, with UTC, when there is none of that name.</returns>
    public static bool TryFind(string name, out TimeZoneInfo zone)
    {
        var found = TimeZoneInfo.TryFindSystemTimeZoneById(name, out var known)
            || (OperatingSystem.IsWindows() && TZConvert.TryIanaToWindows(name, out var translated)
                && TimeZoneInfo.TryFindSystemTimeZoneById(translated, out known));
        zone = known ?? TimeZoneInfo.Utc;
        return found;
    }
}
