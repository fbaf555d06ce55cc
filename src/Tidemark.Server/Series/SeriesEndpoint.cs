using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;
using Tidemark.Configuration;
using Tidemark.Series;
using Tidemark.Server.OpenApi;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Series;

internal static class SeriesEndpoint
{
    public const string SourceHeader = "Tidemark-Source";
    public const string BucketHeader = "Tidemark-Bucket";

    private const string DefaultPeriod = "1d";

    // An answer up to this size has a tag.
    private const int TaggedBytes = 1 << 20;

    public static void MapSeries(this IEndpointRouteBuilder app)
        => app.MapGet("/api/series", ReadAsync)
            .Describe(
                "Series",
                "Sensors over time",
                "One question for one or many sensors, readings or buckets of any width: `source` and `bucket` say what the answer is made "
                    + "of. By columns as JSON, or by rows as JSON, CSV, NDJSON, Arrow or Parquet.")
            .TakesSeries()
            .TakesRange(DefaultPeriod)
            .AnswersSeries();

    private static async Task ReadAsync(
        HttpContext context, ITelemetryStore store, TidemarkOptions options, TimeProvider clock, CancellationToken cancellationToken)
    {
        var errors = new List<string>();
        var format = SeriesFormat.Read(context.Request, errors);
        var epochMillis = ReadTimeFormat(context.Request.Query, format, errors);
        var range = RangeQuery.Read(context.Request.Query, DefaultPeriod, clock, errors);
        var query = ReadParameters(context.Request.Query, errors)
            .ToQuery(store.Schema, range.Range, Instant.From(clock.GetUtcNow()), errors);
        var shortNames = ReadNames(context.Request.Query, format, query, errors);
        errors.AddRange(query.Faults());
        RequestException.ThrowIfAny(errors);

        await using var reader = await store.ReadSeriesAsync(query, cancellationToken);
        var headers = context.Response.Headers;
        headers[SourceHeader] = reader.Source;
        headers[BucketHeader] = reader.Bucket;
        // Late readings may change any answer: a client keeps one, and asks each time whether it still holds.
        headers.CacheControl = "private, no-cache";
        headers.Append(HeaderNames.Vary, HeaderNames.Accept);
        await using var answer = new AnswerWriter(context.Response, format.ContentType, TaggedBytes);
        if (format.WriteRows is { } writeRows)
        {
            var table = await SeriesTable.OpenAsync(store, query, reader, cancellationToken);
            await using var stream = new AnswerStream(answer);
            table = table with { EpochMillis = epochMillis, Values = shortNames ? SeriesTable.ShortNames(query, reader) : table.Values };
            await writeRows(table, stream, cancellationToken);
        }
        else
        {
            await new SeriesColumns(answer, query, options.Server.MaxRows, epochMillis)
                .WriteAsync(reader, json => json.WriteRange(range), cancellationToken);
        }

        await answer.CompleteTaggedAsync(context, cancellationToken);
    }

    private static SeriesParameters ReadParameters(IQueryCollection query, List<string> errors)
    {
        return new SeriesParameters
        {
            Sensors = Read("sensors"),
            Metrics = Read("metrics"),
            Bucket = Read("bucket"),
            Points = Read("points"),
            Functions = Read("fn"),
            Zone = Read("tz"),
            Fill = Read("fill"),
            Lookback = Read("lookback"),
            Downsampling = Read("downsample"),
        };

        string? Read(string name) => RangeQuery.Single(query, name, errors);
    }

    /// <returns>Whether columns are called by the function alone, whatever the metric is.</returns>
    private static bool ReadNames(IQueryCollection parameters, SeriesFormat format, SeriesQuery query, List<string> errors)
    {
        var text = RangeQuery.Single(parameters, "names", errors);
        if (text is not (null or "full" or "fn"))
        {
            errors.Add($"names '{text}' is not full or fn");
        }
        else if (text == "fn" && format.WriteRows is null)
        {
            errors.Add($"names=fn is for rows; ask for another format than {format.Name}");
        }
        else if (text == "fn" && query.Metrics?.Count != 1)
        {
            errors.Add("names=fn is for one metric; name it by metrics");
        }

        return text == "fn";
    }

    private static bool ReadTimeFormat(IQueryCollection query, SeriesFormat format, List<string> errors)
    {
        var text = RangeQuery.Single(query, "time_format", errors);
        if (text is not (null or "rfc3339" or "ms"))
        {
            errors.Add($"time_format '{text}' is not rfc3339 or ms");
        }
        else if (text is not null && !format.IsText)
        {
            errors.Add($"time_format is for text: {format.Name} has timestamps of its own");
        }

        return text == "ms";
    }
}
