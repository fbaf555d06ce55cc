namespace Tidemark.Schema;

/// <summary>What becomes of a metric in a reading that the store does not have.</summary>
public enum NewMetrics
{
    /// <summary>The store gains it.</summary>
    Add,

    /// <summary>The reading is refused.</summary>
    Refuse,
}

/// <summary>Why a reading with a metric that the store does not have is refused.</summary>
public static class NewMetric
{
    public static string TooMany(string name)
        => $"the metric '{name}' is new, and the store has as many metrics as the setting max_metrics allows";

    public static string Refused(string name, TelemetrySchema schema)
        => $"there is no metric '{name}'; there are {string.Join(", ", schema.MetricNames)}";
}
