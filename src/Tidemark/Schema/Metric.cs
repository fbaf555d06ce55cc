namespace Tidemark.Schema;

/// <summary>One measured quantity: a nullable double of a reading.</summary>
/// <param name="Name">An <see cref="Identifier"/>; the column's name.</param>
/// <param name="Unit">For people and documents, such as <c>°C</c>; may be empty.</param>
/// <param name="Minimum">Smaller values are refused; null for no bound.</param>
/// <param name="Maximum">Greater values are refused; null for no bound.</param>
/// <param name="Shape">How the generator draws it.</param>
public sealed record Metric(string Name, string Unit, double? Minimum, double? Maximum, MetricShape Shape)
{
    /// <summary>Whether the configuration declares it; others came with readings.</summary>
    public bool IsConfigured { get; init; } = true;

    /// <summary>Names that stand for something else in tables or answers.</summary>
    public static readonly IReadOnlySet<string> ReservedNames
        = new HashSet<string> { "time", "sensor_id", "bucket", "day", "reading_count", "sensor", "minute", "micros" };

    /// <returns>Null when a metric may have the name, else what is wrong with it.</returns>
    public static string? CheckName(string name)
        => !Identifier.IsValid(name) ? $"'{name}' is no name of a metric: {Identifier.Form}"
            : ReservedNames.Contains(name) ? $"'{name}' is no name of a metric: it stands for something else" : null;

    /// <summary>One that nobody configured.</summary>
    public static Metric Found(string name)
        => new(name, "", null, null, new MetricShape(0, 0, 0, 0, 0, 0)) { IsConfigured = false };
}

/// <summary>How the generator draws a metric; every value lies in [Low, High].</summary>
/// <param name="Low">The smallest value drawn.</param>
/// <param name="High">The greatest value drawn.</param>
/// <param name="Daily">Share of the range that the daily cycle swings, −1 to 1; negative is low in the afternoon.</param>
/// <param name="Yearly">Share of the range that the yearly cycle swings, −1 to 1; negative is low in July.</param>
/// <param name="Drift">Share of the range that the slow random drift swings, 0 to 1.</param>
/// <param name="Noise">Share of the range that the reading-to-reading noise swings, 0 to 1.</param>
public sealed record MetricShape(double Low, double High, double Daily, double Yearly, double Drift, double Noise);
