namespace Tidemark.App.Tests.Deploy;

/// <summary>The files of this clone.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>The whole path of a file or folder, given from the root.</summary>
    public static string PathOf(string path) => Path.Combine(Root, path);

    public static string Read(string path) => File.ReadAllText(PathOf(path));

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Tidemark.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("these tests run inside a clone");
        }

        return folder;
    }
}
