using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Tidemark.App.Tests.Deploy;

/// <summary>What deploy/docker/Dockerfile has to keep, read from its instructions: no image is built here.</summary>
public sealed partial class DockerfileTests
{
    private static readonly string Text = Continuation().Replace(Comment().Replace(Repository.Read("deploy/docker/Dockerfile"), ""), " ");

    private static readonly List<(string Name, string Value)> Instructions =
        [.. Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ', 2))
            .Select(parts => (parts[0], parts[1].Trim()))];

    private static readonly List<(string Name, string Value)> FinalStage = Instructions[
        Instructions.FindLastIndex(i => i.Name == "FROM")..];

    [Theory]
    [InlineData("SDK_IMAGE", "mcr.microsoft.com/dotnet/sdk"), InlineData("RUNTIME_IMAGE", "mcr.microsoft.com/dotnet/aspnet")]
    public void Base_images_have_exact_tags(string argument, string repository)
        => Assert.Matches($@"^{Regex.Escape(repository)}:10\.0\.\d+-[a-z-]+$", Argument(argument));

    [Fact]
    public void The_SDK_is_one_that_global_json_accepts()
    {
        var wanted = Version.Parse(SdkVersion().Match(Repository.Read("global.json")).Groups[1].Value);
        var image = Version.Parse(Argument("SDK_IMAGE").Split(':')[1].Split('-')[0]);
        Assert.True(image >= wanted && image.Major == wanted.Major, $"{image} is not {wanted} or a later feature band");
    }

    /// <summary>DuckDB's library needs glibc, and imports with --time-zone need the zones, which only "extra" has.</summary>
    [Fact]
    public void The_runtime_has_glibc_and_time_zones_and_no_shell()
        => Assert.EndsWith("-chiseled-extra", Argument("RUNTIME_IMAGE"), StringComparison.Ordinal);

    [Fact]
    public void The_program_never_runs_as_root()
    {
        Assert.Equal("$APP_UID", FinalStage.Last(i => i.Name == "USER").Value);
        Assert.Contains(FinalStage, i => i.Name == "COPY" && i.Value.Contains("--chown=$APP_UID:$APP_UID", StringComparison.Ordinal)
            && i.Value.EndsWith(" /var/lib/tidemark", StringComparison.Ordinal));
        Assert.Contains(("VOLUME", "/var/lib/tidemark"), FinalStage);
    }

    /// <summary>There is no shell in the image that could run anything else.</summary>
    [Fact]
    public void The_final_stage_runs_programs_without_a_shell()
    {
        Assert.DoesNotContain(FinalStage, i => i.Name == "RUN");
        Assert.All(FinalStage.Where(i => i.Name is "CMD" or "ENTRYPOINT"), i => Assert.StartsWith("[", i.Value, StringComparison.Ordinal));
        Assert.EndsWith(
            """CMD ["/app/tidemark", "health"]""",
            FinalStage.Single(i => i.Name == "HEALTHCHECK").Value,
            StringComparison.Ordinal);
    }

    /// <summary>A change of a source file must not restore the packages again.</summary>
    [Fact]
    public void Packages_are_restored_before_the_sources_are_copied()
    {
        var restore = Instructions.FindIndex(i => i.Name == "RUN" && i.Value.Contains("dotnet restore", StringComparison.Ordinal));
        var sources = Instructions.FindIndex(i => i == ("COPY", "src src"));
        var publish = Instructions.FindIndex(i => i.Name == "RUN" && i.Value.Contains("dotnet publish", StringComparison.Ordinal));
        Assert.True(restore > 0 && restore < sources && sources < publish, $"restore {restore}, sources {sources}, publish {publish}");
    }

    /// <summary>The build puts each project file back into the folder of its name.</summary>
    [Fact]
    public void Every_project_lies_in_the_folder_of_its_name()
    {
        var projects = Directory.GetFiles(Repository.PathOf("src"), "*.csproj", SearchOption.AllDirectories);
        Assert.NotEmpty(projects);
        Assert.All(projects, p => Assert.Equal(Repository.PathOf($"src/{Path.GetFileNameWithoutExtension(p)}/{Path.GetFileName(p)}"), p));
    }

    [Fact]
    public void Everything_that_is_copied_is_there_and_let_through()
    {
        var allowed = File.ReadAllLines(Repository.PathOf(".dockerignore")).Where(l => l.StartsWith('!')).Select(l => l[1..]).ToList();
        var copied = Instructions.Where(i => i.Name == "COPY" && !i.Value.StartsWith("--from", StringComparison.Ordinal))
            .SelectMany(i => i.Value.Split(' ')[..^1])
            .ToList();
        Assert.NotEmpty(copied);
        foreach (var source in copied.Select(c => c.Split('/')[0]))
        {
            Assert.True(Path.Exists(Repository.PathOf(source)), source);
            Assert.Contains(source, allowed);
        }
    }

    [Fact]
    public void The_context_holds_nothing_that_is_not_named()
        => Assert.Equal("*", File.ReadAllLines(Repository.PathOf(".dockerignore")).First(l => l.Length > 0 && l[0] != '#'));

    [Fact]
    public void The_version_is_the_program_s()
    {
        var version = XDocument.Load(Repository.PathOf("Directory.Build.props")).Descendants("Version").Single().Value;
        Assert.Equal(version, Argument("VERSION"));
        Assert.Contains(
            $"${{TIDEMARK_IMAGE:-tidemark:{version}}}",
            Repository.Read("deploy/docker/compose.yaml"),
            StringComparison.Ordinal);
    }

    private static string Argument(string name)
        => Instructions.First(i => i.Name == "ARG" && i.Value.StartsWith($"{name}=", StringComparison.Ordinal)).Value[(name.Length + 1)..];

    [GeneratedRegex(@"\\\n\s*")]
    private static partial Regex Continuation();

    [GeneratedRegex(@"^\s*#.*\n", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex("\"version\": *\"([0-9.]+)\"")]
    private static partial Regex SdkVersion();
}
