using System.Text.Json;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>A temporary copy of deploy/docker at its place in a repository, without what git ignores, beside deploy/grafana.</summary>
internal sealed class DeployFolder : IDisposable
{
    private static readonly Lazy<Task<string[]?>> Compose = new(FindComposeAsync);

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-deploy-");

    public DeployFolder()
    {
        Path = Directory.CreateDirectory(System.IO.Path.Combine(_root.FullName, "deploy", "docker")).FullName;
        foreach (var file in Directory.GetFiles(Repository.PathOf("deploy/docker")).Where(f => System.IO.Path.GetFileName(f) != ".env"))
        {
            File.Copy(file, PathOf(System.IO.Path.GetFileName(file)));
        }

        var grafana = Repository.PathOf("deploy/grafana");
        foreach (var file in Directory.GetFiles(grafana, "*", SearchOption.AllDirectories))
        {
            var copy = PathOf($"../grafana/{System.IO.Path.GetRelativePath(grafana, file)}");
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    public string Path { get; }

    public string PathOf(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Changes a file; what is to be replaced has to be there.</summary>
    public void Replace(string name, string old, string replacement)
    {
        var text = File.ReadAllText(PathOf(name));
        Assert.Contains(old, text, StringComparison.Ordinal);
        File.WriteAllText(PathOf(name), text.Replace(old, replacement, StringComparison.Ordinal));
    }

    public Task<CliResult> CreateEnvAsync(params string[] arguments) => Tool.RunAsync(PathOf("create-env.sh"), arguments);

    /// <summary><c>docker compose config</c>, which needs no engine.</summary>
    public Task<CliResult> ConfigAsync(params string[] arguments) => ConfigAsync([], arguments);

    /// <param name="files">Options that name compose files; none for those of the folder.</param>
    /// <param name="arguments">Of <c>config</c>.</param>
    public async Task<CliResult> ConfigAsync(string[] files, params string[] arguments)
    {
        var compose = await Compose.Value;
        Tool.Require(compose is not null, "docker compose, of version 2 or later,");
        var own = Environment.GetEnvironmentVariables().Keys.Cast<string>().Where(
            name => name.StartsWith("TIDEMARK_", StringComparison.Ordinal) || name.StartsWith("TIMESCALEDB_", StringComparison.Ordinal));
        return await Tool.RunAsync(
            compose![0],
            [.. compose[1..], .. files, "--profile", "*", "config", .. arguments],
            Path,
            null,
            own.Select(name => (name, (string?)null)));
    }

    /// <summary>The configuration as compose would run it, all profiles included.</summary>
    public async Task<JsonElement> ReadConfigAsync()
    {
        var result = await ConfigAsync("--format", "json");
        Assert.True(result.ExitCode == 0, result.Error);
        return JsonDocument.Parse(result.Output).RootElement;
    }

    public void Dispose() => _root.Delete(recursive: true);

    private static async Task<string[]?> FindComposeAsync()
    {
        foreach (string[] command in (string[][])[["docker", "compose"], ["docker-compose"]])
        {
            if (Tool.Find(command[0]) is { } program)
            {
                var version = await Tool.RunAsync(program, [.. command[1..], "version", "--short"]);
                if (version.ExitCode == 0 && Version.TryParse(version.Output.Trim().TrimStart('v').Split('-', '+')[0], out var number)
                    && number.Major >= 2)
                {
                    return [program, .. command[1..]];
                }
            }
        }

        return null;
    }
}
