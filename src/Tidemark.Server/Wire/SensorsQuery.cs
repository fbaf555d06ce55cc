using Microsoft.AspNetCore.Http;

namespace Tidemark.Server.Wire;

/// <summary>Which sensors an answer has: <c>sensors=kitchen,hall-*</c>.</summary>
internal static class SensorsQuery
{
    public const string Name = "sensors";

    /// <returns>All when the parameter is absent.</returns>
    public static SensorSelection Read(IQueryCollection query, List<string> errors)
    {
        if (RangeQuery.Single(query, Name, errors) is not { } text)
        {
            return SensorSelection.All;
        }

        if (!SensorSelection.TryParse(text, out var sensors, out var error))
        {
            errors.Add(error);
        }

        return sensors;
    }
}
