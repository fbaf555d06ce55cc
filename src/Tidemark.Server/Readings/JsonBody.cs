using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Tidemark.Ingest;
using Tidemark.Server.Hosting;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Readings;

/// <summary>
/// Reads a whole body, one object or one array of objects. Nothing is written of a body that is not JSON. A body of
/// several values one after the other is taken as NDJSON.
/// </summary>
internal static class JsonBody
{
    public static async Task ReadAsync(
        HttpRequest request, Ingestion ingestion, RoomShare room, int maxLine, CancellationToken cancellationToken)
    {
        using var body = await HeldBody.ReadAsync(request, room, cancellationToken);
        var bytes = body.Bytes.Span.StartsWith(JsonReadingParser.ByteOrderMark)
            ? body.Bytes[JsonReadingParser.ByteOrderMark.Length..]
            : body.Bytes;
        if (HoldsSeveralValues(bytes.Span))
        {
            var lines = PipeReader.Create(new ReadOnlySequence<byte>(bytes));
            await NdjsonBody.ReadAsync(lines, ingestion, room: null, maxLine, cancellationToken);
            return;
        }

        for (var (line, position) = (1L, 0); TryTakeReading(bytes.Span, ref position, out var reading); line++)
        {
            ingestion.Add(line, bytes.Span[reading]);
            if (ingestion.IsFull)
            {
                await ingestion.WriteAsync(cancellationToken);
            }
        }

        await ingestion.WriteAsync(cancellationToken);
    }

    /// <exception cref="RequestException">The first value is malformed.</exception>
    private static bool HoldsSeveralValues(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { AllowMultipleValues = true });
            if (!reader.Read())
            {
                throw new RequestException(["the body is empty"]);
            }

            if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
            {
                throw new RequestException(["the body is neither an object nor an array nor lines of objects"]);
            }

            reader.Skip();
            return bytes[(int)reader.BytesConsumed..].ContainsAnyExcept(" \t\r\n"u8);
        }
        catch (JsonException e)
        {
            throw new RequestException([$"the body is {JsonReadingParser.Malformed(e)}"]);
        }
    }

    /// <summary>Finds the object, or the array's next element; the text is known to be well-formed.</summary>
    private static bool TryTakeReading(ReadOnlySpan<byte> bytes, ref int position, out Range reading)
    {
        reading = default;
        var start = position + bytes[position..].IndexOfAnyExcept(" \t\r\n,"u8);
        if (start < position || bytes[start] == ']')
        {
            return false;
        }

        if (position == 0 && bytes[start] == '[')
        {
            position = start + 1;
            return TryTakeReading(bytes, ref position, out reading);
        }

        var reader = new Utf8JsonReader(bytes[start..], new JsonReaderOptions { AllowMultipleValues = true });
        reader.Read();
        reader.Skip();
        position = start + (int)reader.BytesConsumed;
        reading = start..position;
        return true;
    }
}
