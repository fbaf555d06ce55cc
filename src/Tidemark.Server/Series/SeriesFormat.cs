using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Tidemark.Server.Export;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Series;

/// <summary>Writes the rows of an answer.</summary>
internal delegate Task RowsWriter(ExportTable table, Stream stream, CancellationToken cancellationToken);

/// <param name="Name">In <c>format=</c>.</param>
/// <param name="ContentType">The answer's.</param>
/// <param name="WriteRows">Null for the format by columns.</param>
/// <param name="IsText">Whether it can tell times in another form.</param>
/// <param name="Aliases">Other names of the media type.</param>
internal sealed record SeriesFormat(string Name, string ContentType, RowsWriter? WriteRows, bool IsText, params string[] Aliases)
{
    public static readonly SeriesFormat Json = new("json", "application/json; charset=utf-8", null, true);

    public static readonly IReadOnlyList<SeriesFormat> All =
    [
        Json,
        new("rows", Json.ContentType, JsonExport.WriteArrayAsync, true),
        new("csv", "text/csv; charset=utf-8", CsvExport.WriteAsync, true),
        new("ndjson", Ndjson.ContentType, JsonExport.WriteLinesAsync, true, "application/ndjson", "application/jsonl"),
        new("arrow", ArrowExport.ContentType, ArrowExport.WriteAsync, false),
        new("parquet", ParquetExport.ContentType, ParquetExport.WriteAsync, false),
    ];

    public static string Names => string.Join(", ", All.Select(f => f.Name));

    public string MediaType => ContentType.Split(';')[0];

    /// <summary>The one that is named, or else the one that the client takes most gladly.</summary>
    public static SeriesFormat Read(HttpRequest request, List<string> errors)
    {
        if (RangeQuery.Single(request.Query, "format", errors) is not { } name)
        {
            return Accepted(request);
        }

        var format = All.FirstOrDefault(f => f.Name == name);
        if (format is null)
        {
            errors.Add($"format '{name}' is not one of {Names}");
        }

        return format ?? Json;
    }

    /// <summary>A client that takes none of the formats gets JSON: it may take more than it says, as browsers do.</summary>
    private static SeriesFormat Accepted(HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().Accept.Where(a => a.Quality is not 0);
        return accepted.OrderByDescending(a => a.Quality ?? 1).Select(OfType).FirstOrDefault(f => f is not null) ?? Json;
    }

    /// <returns>Null where there is none; a wildcard is taken for JSON.</returns>
    private static SeriesFormat? OfType(MediaTypeHeaderValue accepted)
        => All.FirstOrDefault(f => f.Aliases.Prepend(f.MediaType).Contains($"{accepted.MediaType}", StringComparer.OrdinalIgnoreCase))
            ?? (accepted.MatchesAllTypes ? Json : null);
}
