using System.Text;
using Spectre.Console;

namespace Tidemark.Benchmarks;

/// <summary>Collects figures and prints them as one table, on the terminal and as Markdown.</summary>
/// <param name="workload">What was measured on.</param>
/// <param name="machine">Where.</param>
/// <param name="name">Of the marks between which a document holds the figures.</param>
internal sealed class Report(string workload, string machine, string name)
{
    private static readonly string[] Columns = ["what", "figure", "reach", "met", "beside"];

    private readonly List<Figure> _figures = [];
    private readonly string _beginMark = $"<!-- {name} -->";
    private readonly string _endMark = $"<!-- end of {name} -->";

    public bool AllMet => _figures.All(f => f.Met != false);

    /// <summary>Adds figures and says so at once: a whole run takes minutes.</summary>
    public void Add(params IEnumerable<Figure> figures)
    {
        foreach (var figure in figures)
        {
            _figures.Add(figure);
            Note($"  {figure.Name}: {figure.Value}{(figure.Met == false ? $", not {figure.Reach}" : "")} ({figure.Beside})");
        }
    }

    /// <summary>Progress goes to the error stream: the output is the table.</summary>
    public static void Note(string line) => Console.Error.WriteLine(line);

    public void Print()
    {
        if (Console.IsOutputRedirected)
        {
            AnsiConsole.Profile.Width = 200;
        }

        var table = new Table().Border(TableBorder.Rounded).AddColumns([.. Columns.Select(c => new TableColumn(c))]);
        foreach (var figure in _figures)
        {
            var color = figure.Met switch
            {
                true => "green",
                false => "red",
                null => "default",
            };
            table.AddRow(
                Markup.Escape(figure.Name),
                $"[{color}]{Markup.Escape(figure.Value)}[/]",
                Markup.Escape(figure.Reach),
                Met(figure),
                Markup.Escape(figure.Beside));
        }

        AnsiConsole.Write(table);
        AnsiConsole.WriteLine(workload);
        AnsiConsole.WriteLine(machine);
    }

    /// <summary>Writes the report between the two marks of a document that has them, otherwise as the whole file.</summary>
    public void WriteMarkdown(string file)
    {
        var old = File.Exists(file) ? File.ReadAllText(file) : "";
        var (begin, end) = (old.IndexOf(_beginMark, StringComparison.Ordinal), old.IndexOf(_endMark, StringComparison.Ordinal));
        File.WriteAllText(
            file,
            begin < 0 || end < begin ? ToMarkdown() : $"{old[..(begin + _beginMark.Length)]}\n{ToMarkdown()}{old[end..]}");
    }

    private string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append($"{workload}\n\n{machine}\n\n");
        text.Append($"| {string.Join(" | ", Columns)} |\n| --- | ---: | --- | --- | --- |\n");
        foreach (var figure in _figures)
        {
            text.Append($"| {figure.Name} | {figure.Value} | {figure.Reach} | {Met(figure)} | {figure.Beside} |\n");
        }

        return text.ToString();
    }

    private static string Met(Figure figure) => figure.Met switch
    {
        true => "yes",
        false => "no",
        null => "",
    };
}
