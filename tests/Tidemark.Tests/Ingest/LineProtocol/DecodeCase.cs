using System.Text;
using System.Text.Json;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Tests.Ingest.LineProtocol;

/// <summary>
/// One object of a file of decode cases, in the form of https://github.com/influxdata/line-protocol-corpus: a text, and the points that
/// it gives or that it has an error. Texts that are not UTF-8 stand as base64.
/// </summary>
internal sealed class DecodeCase(JsonElement json)
{
    private readonly long _defaultTime = json.GetProperty("defaultTime").GetInt64();

    public byte[] Text { get; } = Bytes(json.GetProperty("text"));

    /// <summary>Written as <c>1ns</c>, <c>1µs</c>, <c>1ms</c> or <c>1s</c>.</summary>
    public LinePrecision Precision { get; }
        = LinePrecision.Find(json.GetProperty("precision").GetString()!.TrimStart('1').Replace('µ', 'u'))!;

    public bool HasError { get; } = json.GetProperty("error").GetBoolean();

    /// <summary>The cases of this project.</summary>
    public static IEnumerable<DecodeCase> ReadOurs() => Read(OurFile);

    public static string OurFile { get; } = Path.Combine(AppContext.BaseDirectory, "Ingest", "LineProtocol", "decode-cases.ndjson");

    public static IEnumerable<DecodeCase> Read(string file)
        => File.ReadLines(file).Select(line => new DecodeCase(JsonDocument.Parse(line).RootElement));

    /// <summary>The points that the case wants, one a line. Times in microseconds, doubles with every bit.</summary>
    public IEnumerable<string> Expected() => json.GetProperty("result").EnumerateArray().Select(point => Show(
        Floor(point.GetProperty("time").GetInt64()),
        Member(point, "name"),
        point.GetProperty("tags").EnumerateArray().Select(tag => Member(tag, "key") + "=" + Member(tag, "value")),
        point.GetProperty("fields").EnumerateArray().Select(field => Member(field, "key") + "=" + Value(field.GetProperty("value")))));

    /// <summary>What the parser makes of the text: points as above, and the messages of lines with a fault.</summary>
    public (List<string> Points, List<string> Errors) Parse()
    {
        var (points, errors) = (new List<string>(), new List<string>());
        var parser = new LineProtocolParser(Precision, 1 << 20);
        ReadOnlySpan<byte> text = Text;
        while (parser.TryRead(ref text, isFinal: true, out var line))
        {
            if (line.Error is { } error)
            {
                errors.Add(error);
            }
            else
            {
                // A time that isn't there is the default, cut to the precision.
                points.Add(Show(line, line.Time?.Micros ?? Floor(_defaultTime - (_defaultTime % Precision.Nanos))));
            }
        }

        return (points, errors);
    }

    /// <summary>A point as one text that tells it from every other.</summary>
    public static string Show(in Line line, long micros)
    {
        var (tags, fields) = (new List<string>(), new List<string>());
        for (var t = 0; t < line.TagCount; t++)
        {
            tags.Add(Hex(line.Tag(t).Key) + "=" + Hex(line.Tag(t).Value));
        }

        for (var f = 0; f < line.FieldCount; f++)
        {
            fields.Add(Hex(line.Field(f).Key) + "=" + Value(line.Field(f)));
        }

        return Show(micros, Hex(line.Measurement), tags, fields);
    }

    private static string Show(long micros, string name, IEnumerable<string> tags, IEnumerable<string> fields)
        => $"{name},{string.Join(',', tags)} {string.Join(',', fields)} {micros}";

    private static string Value(JsonElement value)
    {
        var kind = value.EnumerateObject().Single();
        return kind.Name switch
        {
            "float" => Float(kind.Value.GetDouble()),
            "int" => $"int {kind.Value.GetInt64()}",
            "uint" => $"uint {kind.Value.GetUInt64()}",
            "bool" => $"bool {kind.Value.GetBoolean()}",
            _ => $"{kind.Name} {Hex(Bytes(kind.Value))}",
        };
    }

    private static string Value(LineField field) => field.Kind switch
    {
        FieldKind.Float => Float(field.Number),
        FieldKind.Integer => $"int {field.Integer}",
        FieldKind.Unsigned => $"uint {(ulong)field.Integer}",
        FieldKind.Boolean => $"bool {field.Integer == 1}",
        _ => $"string {Hex(field.Text)}",
    };

    // The corpus has no negative zero.
    private static string Float(double number) => $"float {BitConverter.DoubleToInt64Bits(number == 0 ? 0 : number):x}";

    private static long Floor(long nanos) => (long)Math.Floor(nanos / 1000m);

    private static byte[] Bytes(JsonElement text) => text.ValueKind == JsonValueKind.Object
        ? text.GetProperty("binary").GetBytesFromBase64()
        : Encoding.UTF8.GetBytes(text.GetString()!);

    private static string Member(JsonElement parent, string name) => Hex(Bytes(parent.GetProperty(name)));

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexString(bytes);
}
