using Microsoft.Extensions.Configuration;

namespace Tidemark.Configuration;

/// <summary>Binds the aggregates and finds, for each, the coarsest aggregate that it can be built from exactly.</summary>
internal sealed class SchemaBinder(List<string> errors)
{
    private sealed record Entry(
        string Path,
        string Name,
        string Table,
        string BucketColumn,
        BucketWidth Bucket,
        TimeSpan? Retention,
        IReadOnlyList<ExtraColumn> Columns);

    public TelemetrySchema Bind(IConfigurationSection section, IReadOnlyList<Metric> metrics)
    {
        var children = section.GetChildren().ToList();
        var entries = children.Count == 0
            ? [.. DefaultSchema.Aggregates.Select(a => Default(a.Name, a.Bucket))]
            : children.Select(BindEntry).OfType<Entry>().ToList();
        CheckNames(entries, metrics);

        var byWidth = new List<AggregateDefinition>();
        foreach (var entry in entries.OrderBy(e => e.Bucket.Approximate))
        {
            // Extra columns are arbitrary expressions over raw metrics, so only standard columns can come from a finer aggregate.
            var source = entry.Columns.Count > 0
                ? null
                : byWidth.LastOrDefault(a => a.ExtraColumns.Count == 0 && a.Bucket.Divides(entry.Bucket));
            byWidth.Add(new AggregateDefinition(
                entry.Name,
                entry.Table,
                entry.BucketColumn,
                entry.Bucket,
                source,
                entry.Columns,
                entry.Retention));
        }

        // With errors the schema is never used; it only has to be one that can be built.
        if (byWidth.Count == 0 || byWidth.DistinctBy(a => a.Name).Count() != byWidth.Count)
        {
            byWidth = [new AggregateDefinition(
                "hourly",
                "sensor_data_hourly",
                "bucket",
                BucketWidth.Fixed(TimeSpan.FromHours(1)),
                null,
                [],
                null)];
        }

        return new TelemetrySchema(metrics, byWidth);
    }

    private static Entry Default(string name, string bucket)
    {
        BucketWidth.TryParse(bucket, out var width);
        return new Entry("aggregates", name, $"{TelemetrySchema.RawTable}_{name}", "bucket", width, null, []);
    }

    private Entry? BindEntry(IConfigurationSection section)
    {
        var name = section["name"] ?? "";
        if (!Identifier.IsValid(name))
        {
            errors.Add($"{section.Path}: name '{name}' is not {Identifier.Form}");
            return null;
        }

        if (!BucketWidth.TryParse(section["bucket"], out var bucket))
        {
            errors.Add($"{section.Path}:bucket: '{section["bucket"]}' is not {BucketWidth.Form}");
            return null;
        }

        TimeSpan? retention = null;
        if (section["retention"] is { } text and not "never")
        {
            if (TypedText.TryParseDuration(text, out var duration))
            {
                retention = duration;
            }
            else
            {
                errors.Add($"{section.Path}:retention: '{text}' is not {TypedText.DurationForm}");
            }
        }

        var columns = section.GetSection("columns").GetChildren().Select(c => new ExtraColumn(c.Key, c.Value ?? "")).ToList();
        return new Entry(
            section.Path, name, section["table"] ?? $"{TelemetrySchema.RawTable}_{name}", section["bucket_column"]
                ?? "bucket", bucket, retention, columns);
    }

    private void CheckNames(List<Entry> entries, IReadOnlyList<Metric> metrics)
    {
        foreach (var entry in entries)
        {
            if (DefaultSchema.ReservedAggregates.Contains(entry.Name))
            {
                errors.Add($"{entry.Path}: the name '{entry.Name}' is reserved");
            }

            if (entries.Any(other => other != entry && (other.Name == entry.Name || other.Table == entry.Table))
                || entry.Table == TelemetrySchema.RawTable)
            {
                errors.Add($"{entry.Path}: the name '{entry.Name}' or the table '{entry.Table}' is taken twice");
            }

            foreach (var name in entry.Columns.Select(c => c.Name).Append(entry.Table).Append(entry.BucketColumn)
                .Where(n => !Identifier.IsValid(n)))
            {
                errors.Add($"{entry.Path}: '{name}' is not {Identifier.Form}");
            }

            var taken = metrics.SelectMany(m => new[] { $"avg_{m.Name}", $"min_{m.Name}", $"max_{m.Name}" })
                .Concat(["sensor_id", "reading_count", entry.BucketColumn])
                .ToHashSet();
            foreach (var column in entry.Columns.Where(c => !taken.Add(c.Name) || string.IsNullOrWhiteSpace(c.Expression)))
            {
                errors.Add($"{entry.Path}:columns: '{column.Name}' is taken already or has no expression");
            }
        }
    }
}
