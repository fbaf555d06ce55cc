using System.Text;

namespace Tidemark.Readings;

/// <summary>
/// Which sensors are meant: ids and beginnings of ids, separated by commas, such as <c>kitchen,hall-*</c>; <c>*</c> for all. A backslash
/// takes the character behind it as it is.
/// </summary>
public sealed class SensorSelection
{
    public const int MostTerms = 1000;

    private readonly HashSet<string> _ids;
    private readonly string[] _prefixes;

    private SensorSelection(IEnumerable<string> ids, IEnumerable<string> prefixes)
        => (_ids, _prefixes) = (new HashSet<string>(ids, StringComparer.Ordinal), [.. prefixes.Distinct(StringComparer.Ordinal)]);

    public static SensorSelection All { get; } = new([], [""]);

    public bool IsAll => _prefixes.Contains("");

    /// <summary>The sensors that are named whole.</summary>
    public IReadOnlyCollection<string> Ids => _ids;

    /// <summary>Whether it names nothing but whole ids.</summary>
    public bool IsOfIds => _prefixes.Length == 0;

    public static SensorSelection Of(params IEnumerable<string> ids) => new(ids, []);

    public bool Matches(string sensorId)
        => _ids.Contains(sensorId) || Array.Exists(_prefixes, prefix => sensorId.StartsWith(prefix, StringComparison.Ordinal));

    /// <param name="text">As <see cref="ToString"/> gives it.</param>
    /// <param name="selection">What it says; none when it is wrong.</param>
    /// <param name="error">One line, empty when there is nothing wrong.</param>
    public static bool TryParse(string text, out SensorSelection selection, out string error)
    {
        var (ids, prefixes) = (new List<string>(), new List<string>());
        selection = Of();
        error = "";
        foreach (var (term, isPrefix) in Terms(text))
        {
            error = isPrefix && term.Length == 0 ? "" : SensorId.Check(term) ?? "";
            if (error.Length > 0)
            {
                error = $"sensors '{text}' is not a list such as kitchen,hall-* or *: {error}";
                return false;
            }

            (isPrefix ? prefixes : ids).Add(term);
        }

        if (ids.Count + prefixes.Count > MostTerms)
        {
            error = $"sensors names more than {MostTerms}: use beginnings such as hall-*, or *";
            return false;
        }

        selection = new SensorSelection(ids, prefixes);
        return true;
    }

    public override string ToString()
        => string.Join(',', _prefixes.Select(p => $"{Escape(p)}*").Concat(_ids.Select(Escape)));

    private static string Escape(string id)
        => id.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal)
            .Replace("*", "\\*", StringComparison.Ordinal);

    private static IEnumerable<(string Term, bool IsPrefix)> Terms(string text)
    {
        var term = new StringBuilder();
        var isPrefix = false;
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case ',':
                    yield return (term.ToString(), isPrefix);
                    term.Clear();
                    isPrefix = false;
                    break;
                case '*' when i + 1 == text.Length || text[i + 1] == ',':
                    isPrefix = true;
                    break;
                case '\\' when i + 1 < text.Length:
                    term.Append(text[++i]);
                    break;
                default:
                    term.Append(text[i]);
                    break;
            }
        }

        yield return (term.ToString(), isPrefix);
    }
}
