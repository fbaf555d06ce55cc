using System.Text.Json.Serialization;
using Tidemark.Configuration;
using Tidemark.Ingest;
using Tidemark.Server.Hosting;

namespace Tidemark.Server.Readings;

/// <param name="Line">From 1: the line of NDJSON, or the place in an array.</param>
/// <param name="Error">What is wrong with it.</param>
public sealed record Refusal(long Line, string Error);

/// <param name="Written">Readings that are new.</param>
/// <param name="Replaced">Readings that now have other values.</param>
/// <param name="Unchanged">Readings that were there already with the same values.</param>
/// <param name="Refused">Readings that were not taken.</param>
/// <param name="Refusals">The first hundred of them.</param>
public sealed record IngestAnswer(long Written, long Replaced, long Unchanged, long Refused, IReadOnlyList<Refusal> Refusals)
{
    /// <summary>Whether the store adds every reading, one that it already has too. Left out when not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool AppendOnly { get; init; }

    /// <summary>The names whose texts were left out, the first hundred, and how often; only there when some were.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, long>? LeftOut { get; init; }
}

/// <summary>The readings of one request on their way into the store: parsed, validated, gathered into batches, written.</summary>
internal sealed class Ingestion
{
    // A batch with many metrics has fewer readings, so that memory stays bounded.
    public const long MostValues = 1_000_000;

    private const int BatchSize = 10_000;
    private const int PartSize = 100_000;
    private const int MostRefusals = 100;

    private readonly ITelemetryStore _store;
    private readonly TidemarkOptions _options;
    private readonly TimeProvider _clock;
    private readonly string? _importId;
    private readonly JsonReadingParser _parser;
    private readonly IncomingMetrics _metrics;
    private readonly List<Refusal> _refusals = [];
    private ReadingValidator _validator;
    private ReadingBatch _batch;
    private List<long> _lines = [];
    private WriteResult _written;
    private long _accepted;
    private long _refused;
    private int _part = 1;
    private int _taken;

    private Ingestion(
        ITelemetryStore store,
        TidemarkOptions options,
        TimeProvider clock,
        TimeUnit? unit,
        string? importId,
        Instant? horizon)
    {
        _importId = importId;
        _store = store;
        _options = options;
        _clock = clock;
        _metrics = new IncomingMetrics(store.Schema, options.NewMetrics, options.MaxMetrics);
        _parser = new JsonReadingParser(_metrics, new NumberTimes(unit ?? options.TimeUnit, options.MaxSkew, clock, "time_unit="));
        // Not the store's metrics asked for again: others may bring new ones at any time.
        _batch = new ReadingBatch([.. _metrics.Names]);
        _validator = NewValidator(horizon);
    }

    /// <param name="store">Where readings go.</param>
    /// <param name="options">Of the server.</param>
    /// <param name="clock">What readings' times are held against.</param>
    /// <param name="unit">Of times that are numbers; null for the one that is configured.</param>
    /// <param name="importId">Names the whole, see <see cref="ReadingBatch.ImportId"/>: sent again, it is cut into the same batches. Null
    /// for none.</param>
    /// <param name="cancellationToken">Stops it before it has begun.</param>
    public static async Task<Ingestion> BeginAsync(
        ITelemetryStore store,
        TidemarkOptions options,
        TimeProvider clock,
        TimeUnit? unit,
        string? importId,
        CancellationToken cancellationToken)
        => new(store, options, clock, unit, importId, await store.ReadRawHorizonAsync(cancellationToken));

    public bool IsFull => _importId is null
        ? _batch.Count >= BatchSize || _batch.Count * (long)_batch.MetricCount >= MostValues
        : _taken >= PartSize;

    /// <summary>Whether what is gathered takes more memory than every request may have.</summary>
    public bool IsLarge => _batch.Count * (_batch.MetricCount + 2L) * sizeof(double) > WriteRoom.Free;

    /// <summary>Whether what is gathered is to be written when its sender makes a pause.</summary>
    public bool WritesInPauses => _importId is null && _batch.Count > 0;

    public IngestAnswer Answer
        => new(_written.Written, _written.Replaced, _written.Unchanged, _refused, [.. _refusals.OrderBy(r => r.Line)])
        {
            AppendOnly = _written.AppendOnly,
            LeftOut = _parser.LeftOut.Count > 0 ? _parser.LeftOut : null,
        };

    public bool TookAny => _accepted > 0;

    public void Add(long line, ReadOnlySpan<byte> utf8Object)
    {
        _taken++;
        var error = _parser.TryParse(utf8Object, out var sensorId, out var time);
        for (var metric = _batch.MetricCount; metric < _metrics.Names.Count; metric++)
        {
            _batch.AddMetric(_metrics.Names[metric]);
            _validator.AddMetric(_metrics.Names[metric]);
        }

        error ??= _validator.Check(sensorId, time, _parser.Values);
        if (error is not null)
        {
            Refuse(line, error);
            return;
        }

        _batch.Add(sensorId, time, _parser.Values);
        _lines.Add(line);
    }

    public void Refuse(long line, string error)
    {
        if (_refused++ < MostRefusals)
        {
            _refusals.Add(new Refusal(line, error));
        }
    }

    /// <summary>Writes what is gathered; durable when it returns.</summary>
    public async Task WriteAsync(CancellationToken cancellationToken)
    {
        var part = _part++;
        _taken = 0;
        if (_batch.Count == 0)
        {
            return;
        }

        _batch.ImportId = _importId is null ? null : $"{_importId}/{part}";
        try
        {
            await WriteBatchAsync(cancellationToken);
        }
        catch (StoreException e) when (e.Kind == StoreErrorKind.OlderThanRetention)
        {
            // Retention ran since the horizon was read.
            await ValidateAgainAsync(cancellationToken);
            await WriteBatchAsync(cancellationToken);
        }

        _batch.Clear();
        _lines.Clear();
    }

    private async Task WriteBatchAsync(CancellationToken cancellationToken)
    {
        var result = _batch.Count == 0 ? default : await _store.WriteAsync(_batch, cancellationToken);
        foreach (var refused in result.Refusals ?? [])
        {
            Refuse(_lines[refused.Row], refused.Error);
        }

        _written += result;
        _accepted += _batch.Count - result.Refused;
    }

    private async Task ValidateAgainAsync(CancellationToken cancellationToken)
    {
        _validator = NewValidator(await _store.ReadRawHorizonAsync(cancellationToken));
        var (batch, lines) = (_batch, _lines);
        (_batch, _lines) = (new ReadingBatch(batch.Metrics, batch.Count) { ImportId = batch.ImportId }, []);
        for (var row = 0; row < batch.Count; row++)
        {
            var reading = batch[row];
            if (_validator.Check(reading.SensorId, reading.Time, reading.Values) is { } error)
            {
                Refuse(lines[row], error);
            }
            else
            {
                _batch.Add(reading);
                _lines.Add(lines[row]);
            }
        }
    }

    private ReadingValidator NewValidator(Instant? horizon)
        => new(_batch.Metrics, _store.Schema, _options.MaxSkew, _clock, _options.OldestTime, horizon);
}
