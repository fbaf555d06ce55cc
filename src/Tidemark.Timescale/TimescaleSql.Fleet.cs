namespace Tidemark.Timescale;

/// <summary>Statements that ask of all sensors together.</summary>
internal sealed partial class TimescaleSql
{
    /// <summary>One metric's average per bucket over all sensors: bucket, average, readings.</summary>
    public string SelectFleet(
        SqlParts parts,
        StoreState state,
        AggregateDefinition aggregate,
        string metric,
        TimeRange range,
        bool fromRaw,
        bool realTime)
    {
        if (fromRaw)
        {
            return $"""
                SELECT {Bucket(aggregate.Bucket, "time")} AS b, avg({Identifier.Quote(metric)}), count(*)
                FROM {Raw} WHERE {Within(parts, "time", Whole(aggregate, range))} GROUP BY b ORDER BY b
                """;
        }

        return $"""
            SELECT bucket AS b, sum(total) / nullif(sum(number), 0)::double precision, sum(reading_count)::bigint
            FROM ({FleetPartials(parts, state, aggregate, metric, range, realTime)}) p GROUP BY b ORDER BY b
            """;
    }

    /// <summary>
    /// Partials of one metric, several rows a bucket: from the finest aggregate those over all sensors as far as they are materialised,
    /// then those of each
    /// sensor, then those of the source.
    /// </summary>
    private string FleetPartials(
        SqlParts parts,
        StoreState state,
        AggregateDefinition aggregate,
        string metric,
        TimeRange range,
        bool realTime)
    {
        var (sum, count, _, _) = Partial(metric);
        var watermark = state.Aggregate(aggregate).Watermark ?? Instant.MinValue;
        var fleet = state.Aggregate(aggregate).Fleet ?? Instant.MinValue;
        string Rows(string table, string bucket, TimeRange part)
            => $"SELECT {bucket} AS bucket, reading_count, {sum} AS total, {count} AS number FROM {table} WHERE "
                + $"{Within(parts, bucket, part)}";
        var selects = new List<string>
        {
            Rows(Table(aggregate), BucketColumn(aggregate), range.Intersect(new TimeRange(fleet, watermark))),
        };
        if (range.Intersect(new TimeRange(Instant.MinValue, fleet)) is { IsEmpty: false } kept)
        {
            selects.Add(Rows(FleetTable, "bucket", kept));
        }

        var tail = new TimeRange(Instant.Max(aggregate.Bucket.Ceiling(range.From), watermark), aggregate.Bucket.Ceiling(range.To));
        if (realTime && !tail.IsEmpty)
        {
            selects.Add(aggregate.Source is { } source
                ? $"SELECT {Bucket(aggregate.Bucket, "bucket")} AS bucket, reading_count, total, number FROM "
                    + $"({FleetPartials(parts, state, source, metric, tail, realTime)}) s"
                : $"SELECT {Bucket(aggregate.Bucket, "time")} AS bucket, count(*), sum({Identifier.Quote(metric)}), "
                    + $"count({Identifier.Quote(metric)}) FROM {Raw} WHERE {Within(parts, "time", tail)} GROUP BY 1");
        }

        return string.Join("\nUNION ALL\n", selects);
    }
}
