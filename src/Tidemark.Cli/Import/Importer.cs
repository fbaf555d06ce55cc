namespace Tidemark.Cli.Import;

/// <param name="Rows">Rows of the file, the header and blank lines not counted.</param>
/// <param name="Result">What the store did; a reading that stands several times in a batch counts once.</param>
/// <param name="Refused">Rows in the rejects file.</param>
internal sealed record ImportSummary(long Rows, WriteResult Result, long Refused)
{
    public long Accepted => Rows - Refused;

    /// <summary>Accepted rows that stood in the same batch as a later one of the same sensor and time.</summary>
    public long Repeated => Accepted - Result.Written - Result.Replaced - Result.Unchanged;
}

/// <summary>What becomes of values that a reading's row doesn't have.</summary>
internal enum Lacking
{
    /// <summary>Those of earlier rows and of the store stay.</summary>
    Kept,

    /// <summary>They become null.</summary>
    Blanked,

    /// <summary>Each row is a reading of its own, of an append-only store.</summary>
    Apart,
}

/// <summary>Brings the rows of a source into a store, batch by batch; each batch is durable before the next is read.</summary>
/// <param name="store">An import that broke off is simply run again. Null to find out what would be stored.</param>
/// <param name="schema">The store's.</param>
/// <param name="maxSkew">How far ahead of the clock a reading may be.</param>
/// <param name="oldest">Readings before it are refused.</param>
/// <param name="clock">What readings' times are held against.</param>
/// <param name="rejects">Takes the refused rows.</param>
/// <param name="lacking">What becomes of values that a row doesn't have.</param>
/// <param name="importId">Names the import, see <see cref="ReadingBatch.ImportId"/>: run again, it makes the same batches. Null for
/// none.</param>
internal sealed class Importer(
    ITelemetryStore? store,
    TelemetrySchema schema,
    TimeSpan maxSkew,
    Instant oldest,
    TimeProvider clock,
    RejectsFile rejects,
    Lacking lacking = Lacking.Kept,
    string? importId = null)
{
    /// <summary>The size of DuckDB's row groups: a batch fills one.</summary>
    public const int BatchRows = 122_880;

    private const int MostFirst = 5;

    // Long rows make smaller batches, so that memory stays bounded.
    private const int BatchCharacters = 16 << 20;

    // So do many metrics.
    private const long BatchValues = 4 << 20;

    private readonly ReadingBatch _batch = new(schema.MetricNames);
    private readonly StoredReadings? _stored = store is null || lacking != Lacking.Kept ? null : new StoredReadings(store);
    private readonly Dictionary<(string, long), int> _places = [];
    private readonly SourceRows _origins = new();
    private readonly List<int> _originPlaces = [];
    private ILookup<int, int>? _rowsOf;
    private long _rows;
    private WriteResult _result;

    /// <summary>The first readings that were or would be stored, in the order of the file.</summary>
    public List<(string SensorId, Instant Time, IReadOnlyList<(string Metric, double Value)> Values)> First { get; } = [];

    /// <param name="source">Read to its end.</param>
    /// <param name="reportRows">Called after each batch with the rows read so far.</param>
    /// <param name="cancellationToken">Batches already written stay.</param>
    public async Task<ImportSummary> RunAsync(ReadingSource source, Action<long> reportRows, CancellationToken cancellationToken)
    {
        var validator = await CreateValidatorAsync(cancellationToken);
        for (var part = 1; Fill(source, validator, cancellationToken) is var more && (more || _batch.Count > 0); part++)
        {
            NoteFirst();
            _batch.ImportId = importId is null ? null : $"{importId}/{part}";
            try
            {
                await WriteAsync(_batch, row => row, cancellationToken);
            }
            catch (StoreException e) when (e.Kind == StoreErrorKind.OlderThanRetention)
            {
                // Retention dropped chunks since the horizon was read.
                validator = await CreateValidatorAsync(cancellationToken);
                var (valid, rows) = Revalidate(validator);
                await WriteAsync(valid, row => rows[row], cancellationToken);
            }

            _batch.Clear();
            _origins.Clear();
            _originPlaces.Clear();
            _rowsOf = null;
            _places.Clear();
            rejects.Flush();
            reportRows(_rows);
        }

        rejects.Flush();
        return new ImportSummary(_rows, _result, rejects.Count);
    }

    private async Task WriteAsync(ReadingBatch batch, Func<int, int> place, CancellationToken cancellationToken)
    {
        if (store is null)
        {
            _result += new WriteResult(batch.Count, 0, 0);
            return;
        }

        batch = _stored is null ? batch : await _stored.FillAsync(batch, cancellationToken);
        var result = await store.WriteAsync(batch, cancellationToken);
        _stored?.Written(batch);
        foreach (var refused in result.Refusals ?? [])
        {
            Reject(place(refused.Row), refused.Error);
        }

        _result += result;
    }

    /// <summary>Refuses the rows that made a reading of the batch.</summary>
    private void Reject(int place, string error)
    {
        _rowsOf ??= _originPlaces.Index().ToLookup(origin => origin.Item, origin => origin.Index);
        foreach (var row in _rowsOf[place])
        {
            rejects.Add(_origins.Line(row), error, _origins.Text(row));
        }
    }

    private async Task<ReadingValidator> CreateValidatorAsync(CancellationToken cancellationToken)
        => new(
            _batch.Metrics,
            schema,
            maxSkew,
            clock,
            oldest,
            store is null ? null : await store.ReadRawHorizonAsync(cancellationToken));

    /// <returns>False at the end of the file.</returns>
    private bool Fill(ReadingSource source, ReadingValidator validator, CancellationToken cancellationToken)
    {
        var (rows, characters) = (0, 0);
        while (rows < BatchRows && characters < BatchCharacters && rows * (long)_batch.MetricCount < BatchValues)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!source.Next())
            {
                return false;
            }

            _rows++;
            rows++;
            characters += source.Text.Length;
            var error = source.TryRead(out var sensorId, out var time);
            for (var metric = _batch.MetricCount; metric < source.Metrics.Count; metric++)
            {
                _batch.AddMetric(source.Metrics[metric]);
                validator.AddMetric(source.Metrics[metric]);
            }

            error ??= validator.Check(sensorId, time, source.Values);
            if (error is not null)
            {
                rejects.Add(source.Line, error, source.Text);
                continue;
            }

            Add(sensorId, time, source.Values);
            _origins.Add(source.Line, source.Text);
        }

        return true;
    }

    private void Add(string sensorId, Instant time, ReadOnlySpan<double> values)
    {
        var place = _batch.Count;
        if (lacking == Lacking.Kept && !_places.TryAdd((sensorId, time.Micros), place))
        {
            place = _places[(sensorId, time.Micros)];
            for (var metric = 0; metric < values.Length; metric++)
            {
                if (!double.IsNaN(values[metric]))
                {
                    _batch.Set(place, metric, values[metric]);
                }
            }
        }
        else
        {
            _batch.Add(sensorId, time, values);
        }

        _originPlaces.Add(place);
    }

    private void NoteFirst()
    {
        for (var row = 0; row < _batch.Count && First.Count < MostFirst; row++)
        {
            var reading = _batch[row];
            First.Add((
                reading.SensorId,
                reading.Time,
                [.. reading.Values.Index().Where(v => !double.IsNaN(v.Item)).Select(v => (_batch.Metrics[v.Index], v.Item))]));
        }
    }

    /// <summary>The readings of the batch that still may be written, and their places there; the others become rejects.</summary>
    private (ReadingBatch Valid, List<int> Places) Revalidate(ReadingValidator validator)
    {
        var places = new List<int>();
        var valid = new ReadingBatch(_batch.Metrics, _batch.Count) { ImportId = _batch.ImportId };
        for (var place = 0; place < _batch.Count; place++)
        {
            var reading = _batch[place];
            if (validator.Check(reading.SensorId, reading.Time, reading.Values) is { } error)
            {
                Reject(place, error);
            }
            else
            {
                valid.Add(reading);
                places.Add(place);
            }
        }

        return (valid, places);
    }
}
