using System.Globalization;
using System.Text;

namespace Tidemark.Readings;

/// <summary>
/// What a sensor id may be: 1 to 50 code points, no control characters, not <c>.</c> or <c>..</c>; case-sensitive, not normalised.
/// </summary>
public static class SensorId
{
    public const int MaxLength = 50;

    /// <returns>Null when the id is valid, else what is wrong with it.</returns>
    public static string? Check(string? id)
    {
        if (string.IsNullOrEmpty(id))
        {
            return "sensor_id is missing or empty";
        }

        if (id is "." or "..")
        {
            return $"sensor_id '{id}' is reserved";
        }

        var length = 0;
        for (var i = 0; i < id.Length; length++)
        {
            if (Rune.DecodeFromUtf16(id.AsSpan(i), out var rune, out var consumed) != System.Buffers.OperationStatus.Done)
            {
                return "sensor_id is not valid Unicode";
            }

            if (Rune.GetUnicodeCategory(rune) == UnicodeCategory.Control)
            {
                return "sensor_id has a control character";
            }

            i += consumed;
        }

        return length > MaxLength ? $"sensor_id is longer than {MaxLength} characters" : null;
    }
}
