namespace Tidemark.App.Tests.Deploy;

public sealed class ScriptTests
{
    public static TheoryData<string> Scripts =>
        [.. Directory.GetFiles(Repository.PathOf("deploy"), "*.sh", SearchOption.AllDirectories)
            .Concat(Directory.GetFiles(Repository.PathOf(".ci")))
            .Select(p => Path.GetRelativePath(Repository.Root, p))];

    [Theory]
    [MemberData(nameof(Scripts))]
    public async Task Scripts_pass_shellcheck(string script)
    {
        Tool.Require(Tool.Find("shellcheck") is not null, "shellcheck");
        var result = await Tool.RunAsync("shellcheck", ["--external-sources", "--severity=style", script], Repository.Root, null, []);
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
    }
}
