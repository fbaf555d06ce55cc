using Tidemark.Ingest;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Cli.Import;

/// <summary>Readings of a file of line protocol, a block of it at a time; lines of one sensor and instant come as one reading.</summary>
/// <param name="stream">Disposed with the source.</param>
/// <param name="readings">Makes readings of lines; keeps all refused lines of a block.</param>
/// <param name="metrics">Those that it admits.</param>
/// <param name="maxLine">The longest line in bytes.</param>
internal sealed class LineProtocolSource(Stream stream, LineReadings readings, IncomingMetrics metrics, int maxLine) : ReadingSource
{
    private const int BlockSize = 1 << 20;

    private readonly Blocks _blocks = new(stream, Math.Max(BlockSize, 2 * maxLine));
    private readonly Dictionary<string, long> _strings = new(StringComparer.Ordinal);
    private LineTexts _texts = new();
    private int[] _places = [];
    private double[] _values = new double[metrics.Names.Count];
    private int _error = -1;
    private int _row = -1;

    public override long Line => _row < 0 ? readings.Errors[_error].Number : readings.LineNumber(_row);

    public override ReadOnlySpan<char> Text => _row < 0 ? readings.Errors[_error].Text : _texts[_row];

    public override IReadOnlyList<string> Metrics => metrics.Names;

    public override ReadOnlySpan<double> Values => _values;

    public override IReadOnlyList<string> Notes => _strings.Count == 0
        ? []
        : [$"texts left out: {string.Join(", ", _strings.Select(m => $"{m.Key} ({Readable.Count(m.Value)})"))}"];

    /// <summary>Looks at the times of all lines.</summary>
    /// <returns>How many lines have none.</returns>
    public static long Survey(Stream stream, TimeSurvey times, int maxLine, CancellationToken cancellationToken)
    {
        // Nanoseconds take any number: what unit it is of is what is looked for.
        var parser = new LineProtocolParser(LinePrecision.Nanoseconds, maxLine);
        using var blocks = new Blocks(stream, Math.Max(BlockSize, 2 * maxLine));
        var timeless = 0L;
        while (blocks.Next())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var text = blocks.Text;
            while (parser.TryRead(ref text, blocks.IsLast, out var line))
            {
                if (line.Error is null && line.Time is { } time)
                {
                    times.AddNumber(time.Micros * 1000m, $"{time.Micros}000", line.Number);
                }

                timeless += line.Error is null && line.Time is null ? 1 : 0;
            }

            blocks.Keep(text.Length);
        }

        return timeless;
    }

    /// <summary>The refused lines of a block come before its readings.</summary>
    public override bool Next()
    {
        if (_row < 0 && ++_error < readings.Errors.Count)
        {
            return true;
        }

        while (++_row >= readings.Count)
        {
            if (!NextBlock())
            {
                return false;
            }

            if (readings.Errors.Count > 0)
            {
                (_error, _row) = (0, -1);
                return true;
            }

            _row = -1;
        }

        return true;
    }

    public override string? TryRead(out string sensorId, out Instant time)
    {
        (sensorId, time) = ("", default);
        if (_row < 0)
        {
            return readings.Errors[_error].Message;
        }

        (sensorId, time) = (readings.SensorId(_row), readings.Time(_row));
        readings.CopyValues(_row, _places, _values);
        return null;
    }

    public override void Dispose() => _blocks.Dispose();

    private bool NextBlock()
    {
        readings.Clear();
        if (!_blocks.Next())
        {
            return false;
        }

        var text = _blocks.Text;
        readings.Read(ref text, _blocks.IsLast);
        _blocks.Keep(text.Length);
        _texts = readings.TakeTexts(_texts);
        foreach (var (name, count) in readings.Strings.ByField)
        {
            _strings[name] = _strings.GetValueOrDefault(name) + count;
        }

        _places = [.. readings.Metrics.Select(name => metrics.Find(name))];
        _values = _values.Length == metrics.Names.Count ? _values : new double[metrics.Names.Count];
        return true;
    }

    /// <summary>A text in blocks, of each of which the unread end begins the next.</summary>
    private sealed class Blocks(Stream stream, int size) : IDisposable
    {
        private readonly byte[] _buffer = new byte[size];
        private int _kept;
        private int _length;

        public ReadOnlySpan<byte> Text => _buffer.AsSpan(0, _length);

        public bool IsLast { get; private set; }

        /// <returns>False when all was read.</returns>
        public bool Next()
        {
            if (IsLast)
            {
                return false;
            }

            Text[(_length - _kept)..].CopyTo(_buffer);
            var read = stream.ReadAtLeast(_buffer.AsSpan(_kept), _buffer.Length - _kept, throwOnEndOfStream: false);
            _length = _kept + read;
            IsLast = _length < _buffer.Length;
            return true;
        }

        /// <summary>How much of the block's end is to come again.</summary>
        public void Keep(int length) => _kept = length;

        public void Dispose() => stream.Dispose();
    }
}
