using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;

namespace Tidemark.Configuration;

/// <summary>
/// The settings that are a store's and not a process's. Its catalog keeps them, as JSON with the names of <c>tidemark.json</c>.
/// </summary>
public static class StoredConfiguration
{
    private static readonly string[] Names =
        ["chunk_interval", "compress_after", "retention", "real_time", "append_only", "maintenance", "metrics", "aggregates"];

    /// <summary>As a catalog keeps them.</summary>
    public static string Of(TidemarkOptions options) => Select(options).ToJsonString();

    /// <summary>What the options would change in a store, each with the name of its setting.</summary>
    /// <param name="stored">From the store's catalog.</param>
    /// <param name="options">For that store.</param>
    public static IReadOnlyList<(string Setting, string Change)> Compare(string stored, TidemarkOptions options)
    {
        var configuration = Parse(stored);
        configuration["store"] = options.Store.Kind == StoreKind.DuckDb ? $"duckdb:{options.Store.Value}" : options.Store.Value;
        var (before, after) = (Select(OptionsLoader.Load(configuration)), Select(options));
        return [.. Names.SelectMany(name => (before[name], after[name]) switch
        {
            (JsonArray old, JsonArray now) => CompareLists(name[..^1], old, now),
            var (old, now) => CompareValues(name, old, now),
        }, (name, change) => (name, change))];
    }

    /// <summary>The store's settings below those that are said. A list is never mixed of both.</summary>
    internal static IConfiguration Below(IConfiguration said, string stored) => new ConfigurationBuilder()
        .AddInMemoryCollection(Parse(stored).AsEnumerable()
            .Where(setting => setting.Value is not null && !said.GetSection(setting.Key.Split(':')[0]).Exists()))
        .AddConfiguration(said)
        .Build();

    private static IConfigurationRoot Parse(string stored)
        => new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(stored))).Build();

    private static JsonObject Select(TidemarkOptions options)
    {
        var all = OptionsWriter.Write(options);
        return new JsonObject(Names.Select(name => KeyValuePair.Create(name, all[name]?.DeepClone())));
    }

    private static IEnumerable<string> CompareLists(string kind, JsonArray before, JsonArray after)
    {
        var (old, now) = (ByName(before), ByName(after));
        foreach (var (name, item) in now)
        {
            if (!old.TryGetValue(name, out var stored))
            {
                yield return $"{kind} {name} added";
            }
            else if (CompareMembers("", stored, item).ToList() is { Count: > 0 } members)
            {
                yield return $"{kind} {name} with {string.Join(" and ", members)}";
            }
        }

        foreach (var name in old.Keys.Except(now.Keys))
        {
            yield return $"{kind} {name} left out";
        }

        if (!old.Keys.Intersect(now.Keys).SequenceEqual(now.Keys.Intersect(old.Keys)))
        {
            yield return $"{kind}s in another order";
        }
    }

    private static Dictionary<string, JsonObject> ByName(JsonArray list)
        => list.ToDictionary(item => $"{item!["name"]}", item => item!.AsObject());

    private static IEnumerable<string> CompareMembers(string path, JsonObject? before, JsonObject? after)
    {
        var names = (before ?? []).Concat(after ?? []).Select(member => member.Key).Distinct();
        return names.SelectMany(name => (before?[name], after?[name]) switch
        {
            (JsonObject or null, JsonObject or null) and var (old, now)
                => CompareMembers($"{path}{name}:", old?.AsObject(), now?.AsObject()),
            var (old, now) => CompareValues(path + name, old, now),
        });
    }

    private static IEnumerable<string> CompareValues(string name, JsonNode? before, JsonNode? after)
        => JsonNode.DeepEquals(before, after) ? [] : [$"{name} {Text(after)} instead of {Text(before)}"];

    private static string Text(JsonNode? value) => value switch
    {
        null => "none",
        _ when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
        _ => value.ToJsonString(),
    };
}
