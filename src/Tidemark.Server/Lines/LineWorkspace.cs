using System.Collections.Concurrent;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Server.Lines;

/// <summary>The memory of one request's lines and batches, which serves later requests again.</summary>
internal sealed class LineWorkspace
{
    // What a request with many metrics or long lines took is not kept.
    private const long MostKept = 4 << 20;

    private static readonly ConcurrentQueue<LineWorkspace> Idle = new();

    private LinePart _next = new();
    private LinePart _before = new();

    public LineBuffers Buffers { get; } = new();

    public static LineWorkspace Rent() => Idle.TryDequeue(out var workspace) ? workspace : new LineWorkspace();

    /// <summary>The part that was given out before last: its batch is written by now.</summary>
    public LinePart NextPart()
    {
        (_next, _before) = (_before, _next);
        return _before;
    }

    public void Return()
    {
        if (Idle.Count < 2 * Environment.ProcessorCount && Buffers.Capacity < MostKept && _next.IsSmall && _before.IsSmall)
        {
            Idle.Enqueue(this);
        }
    }
}

/// <summary>A batch and where its readings were sent.</summary>
internal sealed class LinePart
{
    private const int MostKeptMetrics = 32;

    private double[] _values = [];
    private int[] _places = [];

    public bool IsSmall => Batch.MetricCount <= MostKeptMetrics;

    public ReadingBatch Batch { get; private set; } = new([], 0);

    /// <summary>The number of each reading's line.</summary>
    public List<long> Lines { get; private set; } = [];

    public LineTexts Texts { get; private set; } = new();

    public void Gather(LineReadings readings)
    {
        if (Batch.Metrics.SequenceEqual(readings.Metrics))
        {
            Batch.Clear();
        }
        else
        {
            Batch = new ReadingBatch([.. readings.Metrics], readings.Count) { Mode = WriteMode.Merge };
            _values = new double[Batch.MetricCount];
            _places = [.. Enumerable.Range(0, Batch.MetricCount)];
        }

        Texts = readings.TakeTexts(Texts);
        Lines.Clear();
        for (var row = 0; row < readings.Count; row++)
        {
            readings.CopyValues(row, _places, _values);
            Batch.Add(readings.SensorId(row), readings.Time(row), _values);
            Lines.Add(readings.LineNumber(row));
        }
    }

    public void Remove(IReadOnlyList<int> rows)
    {
        Batch = Batch.Without(rows);
        Lines = [.. Lines.Where((_, row) => !rows.Contains(row))];
    }
}
