namespace Tidemark.Cli.Import;

/// <summary>Members that no reading took, for the notes of an import: the first hundred of a kind.</summary>
internal sealed class JsonLeftOut
{
    private const int Most = 100;

    private readonly Dictionary<string, long> _texts = new(StringComparer.Ordinal);
    private readonly HashSet<string> _unmapped = new(StringComparer.Ordinal);

    public IReadOnlyList<string> Notes =>
    [
        .. _texts.Count == 0 ? Array.Empty<string>()
            : [$"texts left out: {string.Join(", ", _texts.Select(m => $"{m.Key} ({Readable.Count(m.Value)})"))}"],
        .. _unmapped.Count == 0 ? Array.Empty<string>() : [$"left out, since --map names the metrics: {string.Join(", ", _unmapped)}"],
    ];

    public void AddUnmapped(ReadOnlySpan<char> path)
    {
        if (_unmapped.Count < Most)
        {
            _unmapped.Add(ImportTime.Shown(path));
        }
    }

    public void AddText(ReadOnlySpan<char> path)
    {
        var shown = ImportTime.Shown(path);
        if (_texts.Count < Most || _texts.ContainsKey(shown))
        {
            _texts[shown] = _texts.GetValueOrDefault(shown) + 1;
        }
    }
}
