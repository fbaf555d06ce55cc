using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Tidemark.Server.OpenApi;

/// <summary>
/// The API's description at <c>/openapi/v1.json</c>, and a page to browse it at <c>/docs</c> that asks no other host for anything.
/// </summary>
internal static class ApiDocument
{
    public static void AddApiDocument(this IServiceCollection services) => services.AddOpenApi(options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "Tidemark";
            document.Info.Description = "A telemetry store for IoT: readings in, continuous aggregates out. Times are RFC 3339 in UTC; "
                + "errors are problem details (RFC 9457).";
            document.Servers = [];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                ["key"] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = "bearer",
                    Description = "A key of tidemark key add, where the server asks for one."
                },
            };
            document.Security = [new OpenApiSecurityRequirement(), new OpenApiSecurityRequirement {
                [new OpenApiSecuritySchemeReference("key", document)] = [] }];
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, context, _) =>
        {
            Describe(schema, context.JsonTypeInfo.Type);
            return Task.CompletedTask;
        });
    });

    public static void MapApiDocument(this WebApplication app)
    {
        app.MapOpenApi().AllowAnonymous();
        app.MapScalarApiReference("/docs", options => options
            .WithTitle("Tidemark API")
            .WithNonce()
            .WithOpenApiRoutePattern("/openapi/v1.json")
            .DisableDefaultFonts()
            .DisableTelemetry()
            .HideDeveloperTools()
            .DisableAgent()
            .DisableMcp()).AllowAnonymous();
    }

    /// <summary>Types that have a converter of their own say nothing of their shape.</summary>
    private static void Describe(OpenApiSchema schema, Type type)
    {
        if (type == typeof(Instant) || type == typeof(Instant?))
        {
            schema.Type = type == typeof(Instant) ? JsonSchemaType.String : JsonSchemaType.String | JsonSchemaType.Null;
            schema.Format = "date-time";
        }
        else if (type == typeof(TimeRange))
        {
            schema.Type = JsonSchemaType.Object;
            schema.Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["from"] = ApiSchemas.Time("The first instant."),
                ["to"] = ApiSchemas.Time("The exclusive end."),
            };
        }
    }
}
