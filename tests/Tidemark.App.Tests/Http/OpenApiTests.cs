using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;

namespace Tidemark.App.Tests.Http;

public sealed class OpenApiTests
{
    [Fact]
    public async Task The_document_is_valid_and_names_every_route()
    {
        await using var server = await RunningServer.StartAsync();
        var text = await server.Client.GetStringAsync("/openapi/v1.json");
        Assert.StartsWith("3.1.", JsonNode.Parse(text)!["openapi"]!.GetValue<string>());
        var read = OpenApiDocument.Parse(text, "json");
        Assert.Empty(read.Diagnostic!.Errors);

        var described = read.Document!.Paths.SelectMany(p => p.Value.Operations!.Keys.Select(method => $"{method} {p.Key}"))
            .Order(StringComparer.Ordinal);
        var routes = ((IEndpointRouteBuilder)server.App).DataSources.SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText is { } pattern
                && (pattern is "/" or "/write" || pattern.StartsWith("/api/", StringComparison.Ordinal)))
            .SelectMany(
                e => e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(method => $"{method} {e.RoutePattern.RawText}"))
            .Order(StringComparer.Ordinal);
        Assert.Equal(routes, described);
    }

    [Fact]
    public async Task Every_operation_says_what_it_takes_and_answers()
    {
        await using var server = await RunningServer.StartAsync();
        var document = OpenApiDocument.Parse(await server.Client.GetStringAsync("/openapi/v1.json"), "json").Document!;
        foreach (var (path, item) in document.Paths)
        {
            foreach (var (method, operation) in item.Operations!)
            {
                Assert.False(string.IsNullOrEmpty(operation.Summary) || string.IsNullOrEmpty(operation.Description), path);
                var named = (operation.Parameters ?? []).Where(p => p.In == ParameterLocation.Path).Select(p => p.Name);
                Assert.Equal(Regex.Matches(path, "{([a-z_]+)}").Select(m => m.Groups[1].Value).Order(), named.Order());
                var responses = operation.Responses!;
                var content = responses.TryGetValue("200", out var ok) ? ok!.Content : null;
                Assert.True(
                    responses.ContainsKey("204") || (content is { Count: > 0 } && content.Values.All(c => c!.Schema is not null)),
                    $"{method} {path} has no shape");
                Assert.Contains("503", responses.Keys);
            }
        }

        var hourly = document.Paths["/api/sensors/{id}/{aggregate}"].Operations![HttpMethod.Get].Responses!["200"]
            .Content!["application/json"].Schema!;
        Assert.Contains("avg_temperature", hourly.Properties!["data"].Items!.Properties!.Keys);
        Assert.Equal("date-time", hourly.Properties["data"].Items!.Properties!["time"].Format);
        var sensor = document.Paths["/api/sensors"].Operations![HttpMethod.Get].Responses!["200"].Content!["application/json"].Schema!
            .Properties!["sensors"].Items!.Properties!;
        Assert.Equal(["sensor_id", "last_reading", "total_readings"], sensor.Keys);
        Assert.Equal("date-time", sensor["last_reading"].Format);
    }

    [Fact]
    public async Task The_page_works_without_any_other_host()
    {
        await using var server = await RunningServer.StartAsync();
        using var answer = await server.Client.GetAsync("/docs");
        Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
        var page = await answer.Content.ReadAsStringAsync();
        Assert.DoesNotMatch("https?://(?!127\\.0\\.0\\.1|www\\.w3\\.org)", page);
        Assert.Contains("\"withDefaultFonts\":false", page);
        Assert.Contains("\"telemetry\":false", page);
        Assert.Contains("\"showDeveloperTools\":\"never\"", page);
        var scripts = Regex.Matches(page, "src=\"([^\"]+)\"").Select(m => m.Groups[1].Value).ToList();
        Assert.NotEmpty(scripts);
        foreach (var script in scripts)
        {
            using var file = await server.Client.GetAsync(new Uri(answer.RequestMessage!.RequestUri!, script));
            Assert.True(file.IsSuccessStatusCode, script);
        }
    }
}
