using System.Text.Json;
using System.Text.Json.Serialization;
using Tidemark.Configuration;

namespace Tidemark.Server.Admin;

/// <summary>What another Tidemark must know to use this store as its own.</summary>
/// <param name="Protocol">Rises when older programs can no longer talk to the server.</param>
/// <param name="Metrics">In column order.</param>
/// <param name="Aggregates">Each after its source.</param>
public sealed record StoreDescription(int Protocol, IReadOnlyList<Metric> Metrics, IReadOnlyList<AggregateDescription> Aggregates)
{
    internal const int CurrentProtocol = 2;

    /// <summary>The settings that the server has the store open with, see <see cref="StoredConfiguration"/>.</summary>
    public JsonElement? Settings { get; init; }

    internal static StoreDescription Of(TelemetrySchema schema, TidemarkOptions options)
        => new(CurrentProtocol, schema.Metrics, [.. schema.Aggregates.Select(AggregateDescription.Of)])
        {
            Settings = JsonElement.Parse(StoredConfiguration.Of(options)),
        };

    internal TelemetrySchema ToSchema()
    {
        var aggregates = new List<AggregateDefinition>();
        foreach (var aggregate in Aggregates)
        {
            aggregates.Add(aggregate.ToDefinition(aggregates.FirstOrDefault(a => a.Name == aggregate.Source)));
        }

        return new TelemetrySchema(Metrics, aggregates);
    }
}

/// <param name="Name">Its name.</param>
/// <param name="Table">Its view.</param>
/// <param name="BucketColumn">The bucket start's name in the view.</param>
/// <param name="BucketMicros">The width in microseconds; 0 for calendar widths.</param>
/// <param name="BucketMonths">The width in calendar months; 0 for fixed widths.</param>
/// <param name="Source">The aggregate that it is built from; null for raw readings.</param>
/// <param name="ExtraColumns">Columns beyond the standard ones.</param>
/// <param name="Retention">How long buckets are kept; null for ever.</param>
public sealed record AggregateDescription(
    string Name, string Table, string BucketColumn, long BucketMicros, int BucketMonths, string? Source,
    IReadOnlyList<ExtraColumn> ExtraColumns, TimeSpan? Retention)
{
    internal static AggregateDescription Of(AggregateDefinition aggregate) => new(
        aggregate.Name, aggregate.Table, aggregate.BucketColumn, aggregate.Bucket.Micros, aggregate.Bucket.Months,
        aggregate.Source?.Name, aggregate.ExtraColumns, aggregate.Retention);

    internal AggregateDefinition ToDefinition(AggregateDefinition? source)
    {
        var width = BucketMonths > 0
            ? BucketWidth.Calendar(BucketMonths)
            : BucketWidth.Fixed(new TimeSpan(BucketMicros * TimeSpan.TicksPerMicrosecond));
        return new AggregateDefinition(Name, Table, BucketColumn, width, source, ExtraColumns, Retention);
    }
}

/// <summary>What retention has dropped.</summary>
/// <param name="RawHorizon">See <see cref="ITelemetryStore.ReadRawHorizonAsync"/>.</param>
public sealed record Horizon(Instant? RawHorizon);

/// <param name="Aggregate">What to refresh.</param>
/// <param name="Range">Null for everything pending.</param>
public sealed record RefreshRequest([property: JsonRequired] string Aggregate, TimeRange? Range);

/// <param name="Names">Of metrics.</param>
public sealed record MetricsRequest([property: JsonRequired] IReadOnlyList<string> Names);

/// <param name="Documents">Those without a text are taken away.</param>
/// <param name="Expected">Nothing is written unless it is as told; null for no condition.</param>
public sealed record DocumentsRequest([property: JsonRequired] IReadOnlyList<StoredDocument> Documents, StoredDocument? Expected);

/// <param name="Written">Whether what was expected was so.</param>
public sealed record DocumentsAnswer(bool Written);

/// <param name="Aggregate">What to verify; null for all.</param>
public sealed record VerifyRequest(string? Aggregate);

/// <summary>One line of a long operation's answer: progress any number of times, then a result or an error.</summary>
/// <param name="Progress">A step.</param>
/// <param name="Result">What came of it.</param>
/// <param name="Error">Why it failed.</param>
internal sealed record OperationLine<T>(StoreProgress? Progress = null, T? Result = default, OperationError? Error = null);

/// <param name="Kind">The store's kind of error.</param>
/// <param name="Message">One line.</param>
internal sealed record OperationError(StoreErrorKind Kind, string Message);
