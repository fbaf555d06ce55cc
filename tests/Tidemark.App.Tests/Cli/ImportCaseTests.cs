using System.Globalization;
using System.Text.Json;
using Sylvan.Data.Csv;

namespace Tidemark.App.Tests.Cli;

/// <summary>
/// Files as people have them, each with the options that a user would give and what has to come of it. The folder that
/// TIDEMARK_TEST_IMPORT_CASES names holds more: a <c>cases.json</c> of objects with file, options, readings and refused lines.
/// </summary>
public sealed class ImportCaseTests : IDisposable
{
    private const string Folder = "TIDEMARK_TEST_IMPORT_CASES";

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static IEnumerable<TheoryDataRow<string, string>> Cases()
    {
        if (Environment.GetEnvironmentVariable(Folder) is not { Length: > 0 } folder)
        {
            return [new TheoryDataRow<string, string>("", "") { Skip = $"{Folder} names no folder" }];
        }

        var cases = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "cases.json"))).RootElement;
        return [.. cases.EnumerateArray().Select(c => new TheoryDataRow<string, string>(
            $"{c.GetProperty("file")} {c.GetProperty("options")}", c.GetRawText()))];
    }

    [Theory, MemberData(nameof(Cases))]
    public async Task A_case_of_the_folder_imports_as_it_says(string name, string text)
    {
        var expected = JsonDocument.Parse(text).RootElement;
        var file = expected.GetProperty("file").GetString()!;
        File.Copy(Path.Combine(Environment.GetEnvironmentVariable(Folder)!, file), Path.Combine(_folder.Path, file));
        var options = Words(expected.GetProperty("options").GetString()!);
        var result = await _folder.RunAsync(["import", file, "--rejects", "rejects.csv", .. options]);
        var context = $"{name}: {result.Output}{result.Error}";
        var readings = expected.GetProperty("readings").EnumerateArray().Select(r => Shown(
            r[0].GetString()!,
            DateTimeOffset.Parse(r[1].GetString()!, CultureInfo.InvariantCulture),
            r[2].EnumerateObject().Where(v => v.Value.ValueKind == JsonValueKind.Number).Select(v => (v.Name, v.Value.GetDouble()))));
        var stored = await ReadingsAsync();
        Assert.True(readings.Order().SequenceEqual(stored.Order()), $"{context}{string.Join('\n', stored)}");
        var refused = expected.TryGetProperty("refused", out var lines) ? lines.EnumerateArray().Select(l => l.GetInt32()) : [];
        Assert.True(refused.SequenceEqual(Refused()), context);
    }

    private async Task<List<string>> ReadingsAsync()
    {
        var rows = new List<string>();
        var exported = await _folder.RunAsync("export", "raw");
        using var csv = CsvDataReader.Create(new StringReader(exported.Output));
        while (csv.Read())
        {
            rows.Add(Shown(
                csv.GetString(1),
                DateTimeOffset.Parse(csv.GetString(0), CultureInfo.InvariantCulture),
                Enumerable.Range(2, csv.FieldCount - 2).Where(c => csv.GetString(c).Length > 0)
                    .Select(c => (csv.GetName(c), csv.GetDouble(c)))));
        }

        return rows;
    }

    private List<int> Refused()
    {
        var path = Path.Combine(_folder.Path, "rejects.csv");
        if (!File.Exists(path))
        {
            return [];
        }

        using var csv = CsvDataReader.Create(path);
        var lines = new List<int>();
        while (csv.Read())
        {
            lines.Add(csv.GetInt32(0));
        }

        return lines;
    }

    private static string Shown(string sensor, DateTimeOffset time, IEnumerable<(string Metric, double Value)> values)
    {
        var ordered = values.OrderBy(v => v.Metric, StringComparer.Ordinal).Select(v => $"{v.Metric}={v.Value:R}");
        return $"{sensor} {time.UtcDateTime:O} {string.Join(' ', ordered)}";
    }

    /// <summary>The words of a command line with double quotes.</summary>
    private static List<string> Words(string line)
    {
        var words = new List<string>();
        var (word, isQuoted, hasWord) = (new System.Text.StringBuilder(), false, false);
        foreach (var c in line)
        {
            if (c == '"')
            {
                (isQuoted, hasWord) = (!isQuoted, true);
            }
            else if (c == ' ' && !isQuoted)
            {
                if (hasWord)
                {
                    words.Add(word.ToString());
                }

                word.Clear();
                hasWord = false;
            }
            else
            {
                word.Append(c);
                hasWord = true;
            }
        }

        return hasWord ? [.. words, word.ToString()] : words;
    }
}
