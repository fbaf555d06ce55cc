using System.Diagnostics;
using System.Text.Json;

namespace Tidemark.Server.Wire;

/// <summary>
/// Writes the rows of an answer and what is only known after them: <c>data</c>, then <c>data_points</c>,
/// <c>query_time_ms</c>, when it comes from raw readings <c>data_from</c>, and, when it stopped at the most rows allowed,
/// <c>truncated</c> and <c>next_from</c>.
/// </summary>
internal sealed class SeriesAnswer(AnswerWriter answer, int maxRows)
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private Instant? _next;
    private int _count;

    public Utf8JsonWriter Json => answer.Json;

    /// <summary>What rows are written with, from <see cref="BeginRows"/> on.</summary>
    public JsonRows Rows { get; private set; } = new(answer, []);

    public void BeginData() => Json.WriteStartArray("data"u8);

    /// <param name="columns">Members of each row behind its time.</param>
    public void BeginRows(IReadOnlyList<string> columns) => Rows = new JsonRows(answer, columns);

    /// <summary>Opens a row; the caller adds its values and ends it.</summary>
    /// <returns>False when the answer is full: the row is where a next request goes on.</returns>
    public bool TryBeginRow(Instant time)
    {
        if (_count == maxRows)
        {
            _next = time;
            return false;
        }

        _count++;
        Rows.BeginRow(time);
        return true;
    }

    public ValueTask FlushIfFullAsync(CancellationToken cancellationToken)
        => answer.IsFull ? answer.FlushAsync(cancellationToken) : ValueTask.CompletedTask;

    public ValueTask EndAsync(CancellationToken cancellationToken)
    {
        EndData();
        return CompleteAsync(cancellationToken);
    }

    /// <summary>
    /// Ends an answer from raw readings, and says from when on it has all of them where retention has dropped some of the range.
    /// </summary>
    public async ValueTask EndRawAsync(ITelemetryStore store, TimeRange range, CancellationToken cancellationToken)
    {
        EndData();

        // Asked after the rows: what retention drops meanwhile makes this too late, never too early.
        var horizon = await store.ReadRawHorizonAsync(cancellationToken);
        Json.WriteString("data_from"u8, range.From < horizon ? horizon.ToString() : null);
        await CompleteAsync(cancellationToken);
    }

    private void EndData()
    {
        Json.WriteEndArray();
        Json.WriteNumber("data_points"u8, _count);
        Json.WriteNumber("query_time_ms"u8, Math.Round(Stopwatch.GetElapsedTime(_started).TotalMilliseconds, 3));
    }

    private ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        if (_next is { } next)
        {
            Json.WriteBoolean("truncated"u8, true);
            Json.WriteString("next_from"u8, next.ToString());
        }

        Json.WriteEndObject();
        return answer.CompleteAsync(cancellationToken);
    }

    public void WriteRange(RangeQuery query) => Json.WriteRange(query);
}
