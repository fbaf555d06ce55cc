using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;

namespace Tidemark.Server.Page;

/// <summary>
/// The files of the page, which lie in this assembly, so that it is there however the server was built and wherever it is started. Their
/// addresses hold a version made of what they contain: browsers keep them for good and never mix those of two versions.
/// </summary>
internal sealed class PageFiles
{
    private const string Prefix = "wwwroot/";
    private const string IndexName = "index.html";

    private readonly FrozenDictionary<string, PageFile> _files;

    public PageFiles()
    {
        var contents = Read();
        Version = VersionOf(contents);
        Index = new PageFile(TypeOf(IndexName), Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(contents[IndexName])
            .Replace("{version}", Version, StringComparison.Ordinal)));
        _files = contents.Where(c => c.Key != IndexName).ToFrozenDictionary(c => c.Key, c => new PageFile(TypeOf(c.Key), c.Value));
    }

    public string Version { get; }

    public PageFile Index { get; }

    /// <returns>Null when there is none of that name.</returns>
    public PageFile? Find(string name) => _files.GetValueOrDefault(name);

    private static SortedDictionary<string, byte[]> Read()
    {
        var contents = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        var assembly = typeof(PageFiles).Assembly;
        foreach (var name in assembly.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(name)!;
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            contents.Add(name[Prefix.Length..], bytes);
        }

        return contents;
    }

    private static string VersionOf(SortedDictionary<string, byte[]> contents)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, bytes) in contents)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }

    private static string TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        ".txt" => "text/plain; charset=utf-8",
        var extension => throw new InvalidOperationException($"no content type is known for {extension}"),
    };
}
