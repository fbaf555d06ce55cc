using Spectre.Console;

namespace Tidemark.Cli;

/// <summary>
/// What people and programs see: results on standard output, errors and progress on standard error. Where an output is
/// not a terminal it gets plain text without colours, frames or moving parts.
/// </summary>
internal static class Terminal
{
    // Wide enough that a line of a table is never broken in a file or a pipe.
    private const int PlainWidth = 240;

    private const int PageWidth = 80;

    // Opened for each use: the next command of a process may have other outputs.
    private static IAnsiConsole Output => Open(Console.Out);

    private static IAnsiConsole Errors => Open(Console.Error);

    /// <summary>How many characters a drawing may be wide: a screen's, or those of a page where there is none.</summary>
    public static int Width => Output.Profile.Out.IsTerminal ? Output.Profile.Width : PageWidth;

    public static bool HasUnicode => Output.Profile.Capabilities.Unicode;

    /// <summary>One line of the result.</summary>
    public static void Line(string text) => Console.Out.WriteLine(text);

    /// <summary>What happens meanwhile, beside the result.</summary>
    public static void Note(string line) => Console.Error.WriteLine(line);

    /// <summary>The error of a command, one line.</summary>
    public static void Error(string line) => Console.Error.WriteLine($"tidemark: {line}");

    /// <summary>The result for programs: snake_case, times RFC 3339 UTC.</summary>
    public static void Json<T>(T result) => Console.Out.WriteLine(ResultJson.Serialize(result));

    /// <summary>A table with a frame on a terminal, columns of plain text elsewhere.</summary>
    public static void Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        var framed = Output.Profile.Out.IsTerminal;
        var table = new Table { Border = framed ? TableBorder.Rounded : TableBorder.None };
        foreach (var heading in headings)
        {
            table.AddColumn(new TableColumn(new Text(heading)) { Padding = framed ? new Padding(1, 0) : new Padding(0, 0, 2, 0) });
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(cell => new Text(cell)));
        }

        Output.Write(table);
    }

    /// <summary>Asks for a line of text.</summary>
    /// <returns>Null where nobody can answer.</returns>
    public static string? Ask(string question)
    {
        if (Console.IsInputRedirected || Console.IsErrorRedirected)
        {
            return null;
        }

        Console.Error.Write($"{question}: ");
        return Console.In.ReadLine()?.Trim();
    }

    /// <summary>Whatever Spectre can draw.</summary>
    public static void Write(Spectre.Console.Rendering.IRenderable renderable) => Output.Write(renderable);

    /// <summary>
    /// Runs work off the caller's thread and shows how far it is once it has lasted a second: a bar on a terminal, else
    /// a line every ten seconds. The title stands until the work names its first step; a fraction that is NaN says that
    /// nobody knows how far it is.
    /// </summary>
    public static async Task<T> ProgressAsync<T>(string title, Func<IProgress<StoreProgress>, Task<T>> work)
    {
        var latest = new Latest();
        var task = Task.Run(() => work(latest));
        if (await Task.WhenAny(task, Task.Delay(TimeSpan.FromSeconds(1))) != task)
        {
            await (Errors.Profile.Out.IsTerminal ? DrawAsync(title, latest, task) : PrintAsync(title, latest, task));
        }

        return await task;
    }

    private static Task DrawAsync(string title, Latest latest, Task task)
        => Errors.Progress().AutoClear(true).StartAsync(async context =>
        {
            var bar = context.AddTask(Markup.Escape(title), maxValue: 1);
            while (await Task.WhenAny(task, Task.Delay(100)) != task)
            {
                bar.IsIndeterminate = double.IsNaN(latest.Progress.Fraction);
                bar.Value = bar.IsIndeterminate ? 0 : latest.Progress.Fraction;
                bar.Description = Markup.Escape(Describe(title, latest));
            }
        });

    private static async Task PrintAsync(string title, Latest latest, Task task)
    {
        while (await Task.WhenAny(task, Task.Delay(TimeSpan.FromSeconds(10))) != task)
        {
            var fraction = latest.Progress.Fraction;
            await Console.Error.WriteLineAsync($"{Describe(title, latest)}{(double.IsNaN(fraction) ? "" : $": {fraction * 100:0} %")}");
        }
    }

    private static string Describe(string title, Latest latest)
        => latest.Progress.Step is { Length: > 0 } step ? step : title;

    private static IAnsiConsole Open(TextWriter writer)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        if (!console.Profile.Out.IsTerminal)
        {
            console.Profile.Width = PlainWidth;
        }

        return console;
    }

    private sealed class Latest : IProgress<StoreProgress>
    {
        private readonly Lock _lock = new();
        private StoreProgress _progress;

        public StoreProgress Progress
        {
            get
            {
                lock (_lock)
                {
                    return _progress;
                }
            }
        }

        public void Report(StoreProgress value)
        {
            lock (_lock)
            {
                _progress = value;
            }
        }
    }
}
