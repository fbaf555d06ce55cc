using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tidemark.App.Tests.Deploy;

/// <summary>What every service has to keep, judged on the JSON of <c>docker compose config</c>.</summary>
internal static partial class ComposePolicy
{
    private static readonly (string Rule, Func<JsonElement, bool> Holds)[] Rules =
    [
        ("has an image of an exact version", s => PinnedImage().IsMatch(Text(s, "image"))),
        ("publishes ports on 127.0.0.1 alone", s => Items(s, "ports").All(p => Text(p, "host_ip") == "127.0.0.1")),
        ("runs as a user", s => Text(s, "user") is not ("root" or "0") && !s.TryGetProperty("privileged", out _)),
        ("keeps no capability", s => Items(s, "cap_drop").Any(c => $"{c}" == "ALL") && !Items(s, "cap_add").Any()),
        ("gains no rights", s => Items(s, "security_opt").Any(o => $"{o}" == "no-new-privileges:true")),
        ("has a root file system that is not written", s => Text(s, "read_only") == "True"),
        ("bounds its temporary files", s => Items(s, "tmpfs").Any()
            && Items(s, "tmpfs").All(t => $"{t}".Contains("size=", StringComparison.Ordinal))),
        // PostgreSQL's image has its folders, which all may write.
        ("can write its temporary files", s => Text(s, "user") == "postgres" || Items(s, "tmpfs").All(t => IsOfTheUser(s, t))),
        ("bounds memory and processes", s => long.TryParse(Text(s, "mem_limit"), out _) && long.TryParse(Text(s, "pids_limit"), out _)),
        ("bounds its log", s => Text(s, "logging", "options", "max-size") != "" && Text(s, "logging", "options", "max-file") != ""),
        ("comes back after a reboot", s => Text(s, "restart") == "unless-stopped"),
        ("has an init", s => Text(s, "init") == "True"),
        ("says how long its end may take", s => Text(s, "stop_grace_period") != ""),
        ("has no secret in its variables", s => Members(s, "environment").All(IsNoSecret)),
        ("has no engine's socket", s => !Items(s, "volumes").Any(v => Text(v, "source").EndsWith(".sock", StringComparison.Ordinal))),
    ];

    /// <summary>The service and the rule, for each that is broken.</summary>
    public static IReadOnlyList<string> Breaches(JsonElement config) =>
    [
        .. from service in config.GetProperty("services").EnumerateObject()
           from rule in Rules
           where !rule.Holds(service.Value)
           select $"{service.Name} {rule.Rule}",
    ];

    /// <summary>A member's text, or an empty one.</summary>
    public static string Text(JsonElement element, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
            {
                return "";
            }
        }

        return $"{element}";
    }

    public static IEnumerable<JsonElement> Items(JsonElement element, string name)
        => element.TryGetProperty(name, out var items) && items.ValueKind == JsonValueKind.Array ? items.EnumerateArray() : [];

    public static IEnumerable<JsonProperty> Members(JsonElement element, string name)
        => element.TryGetProperty(name, out var members) && members.ValueKind == JsonValueKind.Object ? members.EnumerateObject() : [];

    /// <summary>The mode that is asked for counts only where the image lacks the folder, and there once; the owner always counts.</summary>
    private static bool IsOfTheUser(JsonElement service, JsonElement tmpfs)
    {
        var user = Text(service, "user") is { Length: > 0 } named ? named.Split(':') : ["1654", "1654"];
        return $"{tmpfs}".Contains($",uid={user[0]},gid={user[^1]}", StringComparison.Ordinal);
    }

    /// <summary>A variable may name a file with a secret in it, and a URI may name a user.</summary>
    private static bool IsNoSecret(JsonProperty variable)
        => variable.Name switch
        {
            "POSTGRES_PASSWORD_FILE" or "PGPASSFILE" => $"{variable.Value}".StartsWith("/run/secrets/", StringComparison.Ordinal),
            "TIDEMARK_SERVER__KEYS" =>
                $"{variable.Value}" is "/etc/tidemark/keys/tidemark-keys.json" or "/var/lib/tidemark/tidemark-keys.json",
            // The image of Grafana reads such a file into the variable that it names.
            var name when name.StartsWith("GF_", StringComparison.Ordinal) && name.EndsWith("__FILE", StringComparison.Ordinal) =>
                $"{variable.Value}".StartsWith("/run/secrets/", StringComparison.Ordinal),
            _ => !SecretName().IsMatch(variable.Name) && !PasswordInUri().IsMatch($"{variable.Value}"),
        };

    [GeneratedRegex(@":[^/]*\d+\.\d+\.\d+[^/]*$")]
    private static partial Regex PinnedImage();

    [GeneratedRegex("PASS|SECRET|TOKEN|KEY", RegexOptions.IgnoreCase)]
    private static partial Regex SecretName();

    [GeneratedRegex("://[^/@]*:[^/@]*@")]
    private static partial Regex PasswordInUri();
}
