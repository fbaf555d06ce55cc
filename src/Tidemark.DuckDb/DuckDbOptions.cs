using Tidemark.Configuration;

namespace Tidemark.DuckDb;

/// <summary>What the embedded engine needs to know.</summary>
public sealed record DuckDbOptions
{
    /// <summary>The folder that holds the database, its log and temporary files; created by Initialize.</summary>
    public required string Folder { get; init; }

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

    /// <summary>How many metrics the store may have.</summary>
    public int MaxMetrics { get; init; } = TidemarkOptions.DefaultMaxMetrics;

    /// <summary>Whether aggregate reads add the tail that is not materialised yet.</summary>
    public bool RealTime { get; init; } = true;

    /// <summary>
    /// Chunk intervals share a table as long as it holds no more readings than these. One row group: a table takes at least a block of the
    /// file, and the catalog of thousands of tables slows every checkpoint down.
    /// </summary>
    public int SharedReadings { get; init; } = 20_480;

    /// <summary>
    /// Of so many of the last pairs of commit and sensor, up to twice as many, it is known what was written: who listens and comes back
    /// asks for that.
    /// </summary>
    public int KeptCommits { get; init; } = 500_000;

    /// <summary>How much memory pages of buckets and of readings may take.</summary>
    public long PageBytes { get; init; } = 96L << 20;

    /// <summary>What Initialize notes for <see cref="DuckDbStore.ReadSettingsAsync"/>; null leaves what is noted.</summary>
    public string? Settings { get; init; }

    /// <summary>
    /// What was noted when these options were made of it. Initialize refuses a store that has neither these nor <see cref="Settings"/>:
    /// another process has changed them since.
    /// </summary>
    public string? SettingsBefore { get; init; }

    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
