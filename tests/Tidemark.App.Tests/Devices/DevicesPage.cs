using Tidemark.App.Tests.Deploy;

namespace Tidemark.App.Tests.Devices;

/// <summary>docs/devices.md: the examples below each of its headings.</summary>
internal static class DevicesPage
{
    private const string Fence = "```";

    private static readonly IReadOnlyList<(string Heading, string Language, string Text)> All = [.. Read()];

    public static string Block(string heading, string language) => Assert.Single(Blocks(heading, language));

    /// <param name="heading">Above it.</param>
    /// <param name="language">Of several below the heading.</param>
    /// <param name="number">From 0.</param>
    public static string Block(string heading, string language, int number) => Blocks(heading, language)[number];

    public static IReadOnlyList<string> Blocks(string heading, string language)
        => [.. All.Where(b => b.Heading == heading && b.Language == language).Select(b => b.Text)];

    /// <summary>All settings of the server.</summary>
    public static IReadOnlyList<string> Settings => [.. All.Where(b => b.Language == "json" && b.Text.StartsWith('{')).Select(b => b.Text)];

    private static IEnumerable<(string Heading, string Language, string Text)> Read()
    {
        var heading = "";
        using var lines = File.ReadLines(Repository.PathOf("docs/devices.md")).GetEnumerator();
        while (lines.MoveNext())
        {
            if (lines.Current.StartsWith('#'))
            {
                heading = lines.Current.TrimStart('#', ' ');
            }
            else if (lines.Current.StartsWith(Fence, StringComparison.Ordinal))
            {
                var (language, text) = (lines.Current[Fence.Length..], "");
                while (lines.MoveNext() && lines.Current != Fence)
                {
                    text += $"{lines.Current}\n";
                }

                yield return (heading, language, text);
            }
        }
    }
}
