using Tidemark.Configuration;

namespace Tidemark.Timescale;

/// <summary>What the TimescaleDB engine needs to know.</summary>
public sealed record TimescaleOptions
{
    /// <summary>A <c>postgresql://</c> URI, several hosts allowed, or an Npgsql connection string.</summary>
    public required string Connection { get; init; }

    public required TelemetrySchema Schema { get; init; }

    /// <summary>The time a chunk spans.</summary>
    public TimeSpan ChunkInterval { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How long after its end a chunk is compressed; null never.</summary>
    public TimeSpan? CompressAfter { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How long raw readings are kept; null for ever.</summary>
    public TimeSpan? Retention { get; init; }

    /// <summary>How many sensors the store may have.</summary>
    public int MaxSensors { get; init; } = TidemarkOptions.DefaultMaxSensors;

    /// <summary>What becomes of a metric in a reading that the store doesn't have.</summary>
    public NewMetrics NewMetrics { get; init; } = NewMetrics.Add;

    /// <summary>How many metrics the store may have, though never more than a row of an aggregate has place for.</summary>
    public int MaxMetrics { get; init; } = TidemarkOptions.DefaultMaxMetrics;

    /// <summary>Whether aggregate reads add the tail that is not materialised yet.</summary>
    public bool RealTime { get; init; } = true;

    /// <summary>Who refreshes, compresses and drops.</summary>
    public MaintenanceOwner Maintenance { get; init; } = MaintenanceOwner.Database;

    /// <summary>
    /// Whether readings are added without a key: none is replaced or recognised, and bulk loads are compressed as they come.
    /// </summary>
    public bool AppendOnly { get; init; }

    /// <summary>
    /// What Initialize appends to the name of an aggregate that it finds, made by SQL, and that raw readings no longer give; null to refuse
    /// the database.
    /// </summary>
    public string? KeepAggregatesAs { get; init; }

    /// <summary>What Initialize notes for <see cref="TimescaleStore.ReadSettingsAsync"/>; null leaves what is noted.</summary>
    public string? Settings { get; init; }

    /// <summary>
    /// What was noted when these options were made of it. Initialize refuses a store that has neither these nor <see cref="Settings"/>:
    /// another process has changed them since.
    /// </summary>
    public string? SettingsBefore { get; init; }

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Whether the server takes COPY: builds of PostgreSQL inside other programs may not.</summary>
    internal bool Copy { get; init; } = true;

    /// <summary>Whether aggregates gain columns where the server can do so; else they are made anew.</summary>
    internal bool AddColumns { get; init; } = true;
}
