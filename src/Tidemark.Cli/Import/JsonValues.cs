using System.Text.Json;
using Tidemark.Ingest;

namespace Tidemark.Cli.Import;

/// <summary>The values of a text of JSON, one at a time: lines, or the elements of an array, or values one after the other.</summary>
internal abstract class JsonValues(Stream stream, int bufferSize) : IDisposable
{
    private readonly byte[] _buffer = new byte[bufferSize];
    private int _start;
    private int _end;

    /// <summary>The line that the value begins on, from 1.</summary>
    public long Line { get; protected set; }

    public abstract ReadOnlySpan<byte> Value { get; }

    /// <summary>Why the value can't be read; null when it may be.</summary>
    public abstract string? Fault { get; }

    protected ReadOnlySpan<byte> Rest => _buffer.AsSpan(_start.._end);

    protected ReadOnlySpan<byte> Passed(int length) => _buffer.AsSpan(_start - length, length);

    /// <param name="begin">The first bytes of the text: they tell how it is written.</param>
    /// <param name="stream">UTF-8; disposed with the values.</param>
    /// <param name="maxLine">The longest value in bytes.</param>
    public static JsonValues Open(ReadOnlySpan<byte> begin, Stream stream, int maxLine)
        => IsLines(begin) ? new JsonLines(stream, maxLine) : new JsonElements(stream, maxLine);

    public abstract bool Next();

    public void Dispose() => stream.Dispose();

    protected void Pass(int length) => _start += length;

    /// <returns>False when there is no more, or no room for it.</returns>
    protected bool Fill()
    {
        if (_start > 0)
        {
            Rest.CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        var read = _end == _buffer.Length ? 0 : stream.Read(_buffer.AsSpan(_end));
        _end += read;
        return read > 0;
    }

    protected bool IsFull => _end - _start == _buffer.Length;

    /// <summary>A first line that is an object, or anything but JSON, says that lines are values.</summary>
    private static bool IsLines(ReadOnlySpan<byte> begin)
    {
        begin = (begin.StartsWith(JsonReadingParser.ByteOrderMark) ? begin[3..] : begin).TrimStart(" \t\r\n"u8);
        if (begin.StartsWith("["u8))
        {
            return false;
        }

        var length = begin.IndexOf((byte)'\n');
        try
        {
            var reader = new Utf8JsonReader(length < 0 ? begin : begin[..length], isFinalBlock: false, default);
            // A value over several lines has no end in the first; a long line has none in what is known of it.
            return !reader.Read() || reader.TrySkip() || length < 0;
        }
        catch (JsonException)
        {
            return true;
        }
    }

    private sealed class JsonLines(Stream stream, int maxLine) : JsonValues(stream, 2 * Math.Max(1024, maxLine))
    {
        private int _length;
        private bool _isTooLong;
        private bool _isCut;

        public override ReadOnlySpan<byte> Value
        {
            get
            {
                var value = Passed(_length).TrimEnd("\r\n"u8);
                return Line == 1 && value.StartsWith(JsonReadingParser.ByteOrderMark) ? value[3..] : value;
            }
        }

        public override string? Fault => _isTooLong ? $"the line is longer than {maxLine} bytes; server.max_line allows more" : null;

        public override bool Next()
        {
            do
            {
                if (!NextLine())
                {
                    return false;
                }

                Line++;
            }
            while (!_isTooLong && Value.Trim(" \t\r"u8).IsEmpty);

            return true;
        }

        private bool NextLine()
        {
            if (_isCut)
            {
                PassRest();
            }

            int length;
            while ((length = Rest.IndexOf((byte)'\n') + 1) == 0 && Rest.Length <= maxLine + 2 && Fill())
            {
            }

            _isCut = length == 0 && Rest.Length > maxLine + 2;
            _length = length > 0 ? length : Math.Min(Rest.Length, maxLine + 2);
            Pass(_length);
            _isTooLong = Value.Length > maxLine;
            return _length > 0;
        }

        private void PassRest()
        {
            int end;
            while ((end = Rest.IndexOf((byte)'\n')) < 0)
            {
                Pass(Rest.Length);
                if (!Fill())
                {
                    return;
                }
            }

            Pass(end + 1);
        }
    }

    /// <summary>What is wrong with the text itself ends the import: where the next value begins can't be known.</summary>
    private sealed class JsonElements(Stream stream, int maxLine) : JsonValues(stream, 2 * Math.Max(1024, maxLine))
    {
        private readonly int _maxLine = maxLine;
        private int _length;
        private long _nextLine = 1;
        private bool? _isArray;
        private bool _needsComma;

        public override ReadOnlySpan<byte> Value => Passed(_length);

        public override string? Fault
            => _length > _maxLine ? $"the value is longer than {_maxLine} bytes; server.max_line allows more" : null;

        public override bool Next()
        {
            if (_isArray is null)
            {
                Fill();
                PassCounted(Rest.StartsWith(JsonReadingParser.ByteOrderMark) ? 3 : 0);
                _isArray = Peek() == '[';
                PassCounted(_isArray == true ? 1 : 0);
            }

            var next = Peek();
            if (_isArray == true && _needsComma && next == ',')
            {
                PassCounted(1);
                next = Peek();
            }
            else if (_isArray == true && _needsComma && next is not (']' or -1))
            {
                throw Malformed("a comma is missing between two elements of the array");
            }

            if (_isArray == true && next == ']')
            {
                PassCounted(1);
                return Peek() < 0 ? false : throw Malformed("something follows the array");
            }

            if (next < 0)
            {
                return _isArray == true ? throw Malformed("the array has no end") : false;
            }

            Line = _nextLine;
            while (!TryTake(out _length))
            {
                if (IsFull || !Fill())
                {
                    throw Malformed(IsFull
                        ? $"a value is longer than {2 * _maxLine} bytes; server.max_line allows more"
                        : "the last value has no end");
                }
            }

            PassCounted(_length);
            _needsComma = true;
            return true;
        }

        /// <summary>The next byte that is no blank, −1 at the end.</summary>
        private int Peek()
        {
            while (true)
            {
                var blanks = Rest.IndexOfAnyExcept(" \t\r\n"u8);
                PassCounted(blanks < 0 ? Rest.Length : blanks);
                if (blanks >= 0)
                {
                    return Rest[0];
                }

                if (!Fill())
                {
                    return -1;
                }
            }
        }

        private bool TryTake(out int length)
        {
            try
            {
                var reader = new Utf8JsonReader(Rest, isFinalBlock: false, default);
                var isWhole = reader.Read() && reader.TrySkip();
                length = (int)reader.BytesConsumed;
                return isWhole;
            }
            catch (JsonException e)
            {
                throw Malformed(JsonReadingParser.Malformed(e));
            }
        }

        private void PassCounted(int length)
        {
            _nextLine += Rest[..length].Count((byte)'\n');
            Pass(length);
        }

        private CommandFailedException Malformed(string what) => new($"the JSON that begins in line {_nextLine}: {what}");
    }
}
