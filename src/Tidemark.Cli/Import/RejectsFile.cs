using System.Text;
using Sylvan.Data.Csv;
using Tidemark.Cli.Export;

namespace Tidemark.Cli.Import;

/// <summary>Collects refused rows in a CSV file (line, reason, text) that is only created when there is one.</summary>
internal sealed class RejectsFile(string path) : IAsyncDisposable
{
    private const int BufferedRows = 1000;
    private const int BufferedCharacters = 1 << 20;

    private readonly List<Reject> _rows = [];
    private int _characters;
    private StreamWriter? _writer;

    public string Path { get; } = path;

    /// <summary>Rows refused so far.</summary>
    public long Count { get; private set; }

    /// <param name="line">The line in the imported file that the row begins on.</param>
    /// <param name="reason">One line for people.</param>
    /// <param name="text">The row as it stands in the file.</param>
    public void Add(long line, string reason, ReadOnlySpan<char> text)
    {
        Count++;
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
        _writer ??= new StreamWriter(Path, append: false, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
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
