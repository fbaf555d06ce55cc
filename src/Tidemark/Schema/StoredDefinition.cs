using System.Text.RegularExpressions;

namespace Tidemark.Schema;

/// <summary>An aggregate as a store's catalog has it, in one line: what must stay the same for materialised buckets to stay true.</summary>
public static partial class StoredDefinition
{
    public static string Of(AggregateDefinition aggregate)
    {
        var extra = string.Concat(aggregate.ExtraColumns.Select(c => $", {c.Name} = {c.Expression}"));
        return $"{aggregate.Bucket} from {aggregate.Source?.Name ?? TelemetrySchema.RawTable}{extra}";
    }

    /// <summary>
    /// The schema in which each aggregate that the catalog has keeps the source it was made with, whatever finer ones came since.
    /// </summary>
    public static TelemetrySchema KeepSources(TelemetrySchema schema, IReadOnlyCollection<StoredAggregate> catalog)
    {
        var kept = new List<AggregateDefinition>();
        foreach (var aggregate in schema.Aggregates)
        {
            var configured = With(aggregate, kept.FirstOrDefault(k => k.Name == aggregate.Source?.Name));
            var stored = catalog.FirstOrDefault(s => s.Name == aggregate.Name)?.Definition;
            kept.Add(stored is null || stored == Of(configured)
                ? configured
                : kept.Select(source => With(aggregate, source)).Append(With(aggregate, null)).FirstOrDefault(a => Of(a) == stored)
                    ?? configured);
        }

        return kept.Zip(schema.Aggregates).All(pair => Of(pair.First) == Of(pair.Second))
            ? schema
            : new TelemetrySchema(schema.Metrics, kept);

        AggregateDefinition With(AggregateDefinition a, AggregateDefinition? source)
            => new(a.Name, a.Table, a.BucketColumn, a.Bucket, source, a.ExtraColumns, a.Retention);
    }

    /// <summary>The schema's aggregates, then those that the catalog has besides: a store keeps what is no longer configured.</summary>
    /// <param name="schema">What is configured.</param>
    /// <param name="catalog">All that the store has.</param>
    public static TelemetrySchema Complete(TelemetrySchema schema, IEnumerable<StoredAggregate> catalog)
    {
        var all = schema.Aggregates.ToList();
        var rest = catalog.Where(s => !schema.HasAggregate(s.Name)).Select(s => (Aggregate: s, Parsed: Pattern().Match(s.Definition)))
            .ToList();
        while (rest.FirstOrDefault(r => FindSource(r.Parsed) is not null) is { Aggregate: { } stored } next)
        {
            rest.Remove(next);
            BucketWidth.TryParse(next.Parsed.Groups["bucket"].Value, out var bucket);
            var extra = ExtraColumns(next.Parsed.Groups["extra"].Value, stored.Columns);
            all.Add(new AggregateDefinition(
                stored.Name,
                stored.Table,
                stored.BucketColumn,
                bucket,
                FindSource(next.Parsed)!.FirstOrDefault(),
                extra,
                null));
        }

        return new TelemetrySchema(schema.Metrics, all);

        // None for raw, null while the source isn't there yet.
        AggregateDefinition[]? FindSource(Match parsed) => parsed.Groups["source"].Value == TelemetrySchema.RawTable
            ? []
            : all.FirstOrDefault(a => a.Name == parsed.Groups["source"].Value) is { } source ? [source] : null;
    }

    /// <summary>An expression may hold what looks like the begin of a column: the columns that there are tell.</summary>
    private static List<ExtraColumn> ExtraColumns(string text, IReadOnlyCollection<string> columns)
    {
        var begins = ColumnBegin().Matches(text).Where(m => columns.Contains(m.Groups[1].Value)).ToList();
        return [.. begins.Select((m, i) => new ExtraColumn(
            m.Groups[1].Value,
            text[(m.Index + m.Length)..(i + 1 < begins.Count ? begins[i + 1].Index : text.Length)]))];
    }

    [GeneratedRegex("^(?<bucket>\\d+ \\w+) from (?<source>[a-z0-9_]+)(?<extra>.*)$", RegexOptions.Singleline)]
    private static partial Regex Pattern();

    [GeneratedRegex(", ([a-z][a-z0-9_]{0,47}) = ")]
    private static partial Regex ColumnBegin();
}

/// <summary>An aggregate in a store's catalog: its definition as text, its table and the columns of that.</summary>
public sealed record StoredAggregate(
    string Name,
    string Definition,
    string Table,
    string BucketColumn,
    IReadOnlyCollection<string> Columns);
