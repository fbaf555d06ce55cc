using System.Text;

namespace Tidemark.Ingest.LineProtocol;

/// <summary>A tag that is a line's sensor id, or a template of tags such as <c>{site}/{device}</c>.</summary>
public sealed class SensorIdSource
{
    /// <summary>Texts and tags in turns, a text first.</summary>
    private readonly string[] _parts;

    private readonly byte[][] _tags;

    private SensorIdSource(string[] parts)
    {
        _parts = parts;
        _tags = [.. Tags(parts).Select(Encoding.UTF8.GetBytes)];
    }

    public static SensorIdSource Tag(string name) => new(["", name, ""]);

    /// <param name="text">The name of a tag, or a text with names of tags in braces.</param>
    /// <param name="source">Null when the text is neither.</param>
    public static bool TryParse(string text, out SensorIdSource? source)
    {
        if (text.Length > 0 && !text.Contains('{') && !text.Contains('}'))
        {
            source = Tag(text);
            return true;
        }

        var parts = text.Split('{', '}');
        var braces = string.Concat(text.Where(c => c is '{' or '}'));
        var isTemplate = braces.Length > 0 && braces.Replace("{}", "").Length == 0 && Tags(parts).All(tag => tag.Length > 0);
        source = isTemplate ? new SensorIdSource(parts) : null;
        return isTemplate;
    }

    /// <summary>What <see cref="TryParse"/> takes.</summary>
    public override string ToString()
        => _parts is ["", var tag, ""] ? tag : string.Concat(_parts.Select((part, place) => place % 2 == 1 ? $"{{{part}}}" : part));

    /// <returns>Null when the line lacks a tag of it.</returns>
    internal string? Make(in Line line)
    {
        var id = new StringBuilder(_parts[0]);
        for (var t = 0; t < _tags.Length; t++)
        {
            var tag = 0;
            while (tag < line.TagCount && !line.Tag(tag).Key.SequenceEqual(_tags[t]))
            {
                tag++;
            }

            if (tag == line.TagCount)
            {
                return null;
            }

            id.Append(Encoding.UTF8.GetString(line.Tag(tag).Value)).Append(_parts[(2 * t) + 2]);
        }

        return id.ToString();
    }

    private static IEnumerable<string> Tags(string[] parts) => parts.Where((_, part) => part % 2 == 1);
}
