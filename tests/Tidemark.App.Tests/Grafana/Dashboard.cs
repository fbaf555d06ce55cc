using System.Text.Json.Nodes;
using Tidemark.App.Tests.Deploy;

namespace Tidemark.App.Tests.Grafana;

/// <summary>A dashboard of deploy/grafana, as its file has it.</summary>
internal sealed class Dashboard(string name)
{
    public const string Api = "tidemark-api";
    public const string PostgreSql = "tidemark-postgresql";

    public JsonNode Json { get; } = JsonNode.Parse(Repository.Read($"deploy/grafana/dashboards/{name}.json"))!;

    public IEnumerable<JsonNode> Panels => Json["panels"]!.AsArray().Select(p => p!);

    public IEnumerable<JsonNode> Variables => Json["templating"]!["list"]!.AsArray().Select(v => v!);

    public JsonNode Panel(string title) => Panels.Single(p => Text(p["title"]) == title);

    /// <summary>The one query of a panel.</summary>
    public JsonNode Query(string title) => Assert.Single(Panel(title)["targets"]!.AsArray())!;

    public JsonNode Variable(string variable) => Variables.Single(v => Text(v["name"]) == variable);

    public static string Text(JsonNode? node) => node!.GetValue<string>();
}
