using System.Text;
using Sylvan.Data.Csv;
using Tidemark.Cli.Export;

namespace Tidemark.Cli.Import;

/// <summary>Collects refused rows in a CSV file (line, reason, text) that is only created when there is one.</summary>
/// <param name="path">Null to count them and keep the first alone.</param>
internal sealed class RejectsFile(string? path) : IAsyncDisposable
{
    private const int MostFirst = 10;

    private const int BufferedRows = 1000;
    private const int BufferedCharacters = 1 << 20;

    private readonly List<Reject> _rows = [];
    private int _characters;
    private StreamWriter? _writer;

    public string? Path { get; } = path;

    /// <summary>The first ten.</summary>
    public List<(long Line, string Reason)> First { get; } = [];

    /// <summary>Rows refused so far.</summary>
    public long Count { get; private set; }

    /// <summary>Finds out before anything is stored whether refused rows can be written down.</summary>
    /// <exception cref="CommandFailedException">They can't.</exception>
    public static RejectsFile Open(string path)
    {
        try
        {
            var isThere = File.Exists(path);
            using (new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write))
            {
            }

            if (!isThere)
            {
                File.Delete(path);
            }

            return new RejectsFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"refused rows can't be written to {path}: {e.Message} Name another file with --rejects");
        }
    }

    /// <param name="line">The line in the imported file that the row begins on.</param>
    /// <param name="reason">One line for people.</param>
    /// <param name="text">The row as it stands in the file.</param>
    public void Add(long line, string reason, ReadOnlySpan<char> text)
    {
        Count++;
        if (First.Count < MostFirst)
        {
            First.Add((line, reason));
        }

        if (Path is null)
        {
            return;
        }

        _rows.Add(new Reject(line, reason, text.ToString()));
        _characters += text.Length;
        if (_rows.Count == BufferedRows || _characters > BufferedCharacters)
        {
            Flush();
        }
    }

    /// <summary>Writes what is buffered.</summary>
    public void Flush()
    {
        if (_rows.Count == 0)
        {
            return;
        }

        var first = _writer is null;
        _writer ??= new StreamWriter(Path!, append: false, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        var options = new CsvDataWriterOptions { WriteHeaders = first, BufferSize = 64 << 10, MaxBufferSize = 16 << 20 };

        // The CSV writer closes what it writes to.
        var text = new StringWriter();
        using (var csv = CsvDataWriter.Create(text, options))
        {
            csv.Write(new RejectReader(_rows));
        }

        _writer.Write(text.GetStringBuilder());
        _writer.Flush();
        _rows.Clear();
        _characters = 0;
    }

    /// <summary>Writes what is buffered first: an import that breaks off keeps what it has refused.</summary>
    public async ValueTask DisposeAsync()
    {
        Flush();
        if (_writer is not null)
        {
            await _writer.DisposeAsync();
        }
    }

    private readonly record struct Reject(long Line, string Reason, string Text);

    private sealed class RejectReader(
        List<Reject> rows) : TableReader([("line", typeof(long)), ("reason", typeof(string)), ("text", typeof(string))])
    {
        private int _row = -1;

        public override bool Read() => ++_row < rows.Count;

        public override long GetInt64(int ordinal) => rows[_row].Line;

        public override string GetString(int ordinal) => ordinal == 1 ? rows[_row].Reason : rows[_row].Text;
    }
}
