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

/// <summary>Brings the rows of a source into a store, batch by batch; each batch is durable before the next is read.</summary>
/// <param name="store">An import that broke off is simply run again.</param>
/// <param name="maxSkew">How far ahead of the clock a reading may be.</param>
/// <param name="oldest">Readings before it are refused.</param>
/// <param name="clock">What readings' times are held against.</param>
/// <param name="rejects">Takes the refused rows.</param>
/// <param name="importId">Names the import, see <see cref="ReadingBatch.ImportId"/>: run again, it makes the same batches. Null for
/// none.</param>
internal sealed class Importer(
    ITelemetryStore store,
    TimeSpan maxSkew,
    Instant oldest,
    TimeProvider clock,
    RejectsFile rejects,
    string? importId = null)
{
    /// <summary>The size of DuckDB's row groups: a batch fills one.</summary>
    public const int BatchRows = 122_880;

    // Long rows make smaller batches, so that memory stays bounded.
    private const int BatchCharacters = 16 << 20;

    // So do many metrics.
    private const long BatchValues = 4 << 20;

    private readonly ReadingBatch _batch = new(store.Schema.MetricNames);
    private readonly SourceRows _origins = new();
    private long _rows;
    private WriteResult _result;

    /// <param name="source">Read to its end.</param>
    /// <param name="reportRows">Called after each batch with the rows read so far.</param>
    /// <param name="cancellationToken">Batches already written stay.</param>
    public async Task<ImportSummary> RunAsync(ReadingSource source, Action<long> reportRows, CancellationToken cancellationToken)
    {
        var validator = await CreateValidatorAsync(cancellationToken);
        for (var part = 1; Fill(source, validator, cancellationToken) is var more && (more || _batch.Count > 0); part++)
        {
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
            rejects.Flush();
            reportRows(_rows);
        }

        rejects.Flush();
        return new ImportSummary(_rows, _result, rejects.Count);
    }

    private async Task WriteAsync(ReadingBatch batch, Func<int, int> origin, CancellationToken cancellationToken)
    {
        var result = await store.WriteAsync(batch, cancellationToken);
        foreach (var refused in result.Refusals ?? [])
        {
            Reject(origin(refused.Row), refused.Error);
        }

        _result += result;
    }

    private void Reject(int row, string error) => rejects.Add(_origins.Line(row), error, _origins.Text(row));

    private async Task<ReadingValidator> CreateValidatorAsync(CancellationToken cancellationToken)
        => new(_batch.Metrics, store.Schema, maxSkew, clock, oldest, await store.ReadRawHorizonAsync(cancellationToken));

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

            _batch.Add(sensorId, time, source.Values);
            _origins.Add(source.Line, source.Text);
        }

        return true;
    }

    /// <summary>The readings of the batch that still may be written, and their rows there; the others become rejects.</summary>
    private (ReadingBatch Valid, List<int> Rows) Revalidate(ReadingValidator validator)
    {
        var rows = new List<int>();
        var valid = new ReadingBatch(_batch.Metrics, _batch.Count) { ImportId = _batch.ImportId };
        for (var row = 0; row < _batch.Count; row++)
        {
            var reading = _batch[row];
            if (validator.Check(reading.SensorId, reading.Time, reading.Values) is { } error)
            {
                Reject(row, error);
            }
            else
            {
                valid.Add(reading);
                rows.Add(row);
            }
        }

        return (valid, rows);
    }
}
