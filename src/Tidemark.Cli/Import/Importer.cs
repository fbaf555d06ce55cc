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

/// <param name="SensorId">See <see cref="Readings.SensorId"/>.</param>
/// <param name="Time">To the microsecond.</param>
/// <param name="Values">Those that it has.</param>
internal sealed record FirstReading(string SensorId, Instant Time, IReadOnlyList<(string Metric, double Value)> Values);

/// <summary>Brings the rows of a source into a store, batch by batch; each batch is durable before the next is read.</summary>
/// <param name="target">Where they go. An import that broke off is simply run again.</param>
/// <param name="maxSkew">How far ahead of the clock a reading may be.</param>
/// <param name="oldest">Readings before it are refused.</param>
/// <param name="clock">What readings' times are held against.</param>
/// <param name="rejects">Takes the refused rows.</param>
/// <param name="mode">Whether a value that a row doesn't have stays as it is in the store.</param>
/// <param name="importId">Names the import, see <see cref="ReadingBatch.ImportId"/>: run again, it makes the same batches. Null for
/// none.</param>
internal sealed class Importer(
    ImportTarget target,
    TimeSpan maxSkew,
    Instant oldest,
    TimeProvider clock,
    RejectsFile rejects,
    WriteMode mode = WriteMode.Merge,
    string? importId = null)
{
    /// <summary>The size of DuckDB's row groups: a batch fills one.</summary>
    public const int BatchRows = 122_880;

    private const int MostFirst = 5;

    // Long rows make smaller batches, so that memory stays bounded.
    private const int BatchCharacters = 16 << 20;

    // So do many metrics.
    private const long BatchValues = 4 << 20;

    private readonly ReadingBatch _batch = new(target.Schema.MetricNames) { Mode = mode };
    private readonly SourceRows _origins = new();
    private long _rows;
    private bool _isAtEnd;
    private WriteResult _result;

    /// <summary>The first readings that were or would be stored, in the order of the file.</summary>
    public List<FirstReading> First { get; } = [];

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
            rejects.Flush();
            reportRows(_rows);
        }

        rejects.Flush();
        return new ImportSummary(_rows, _result, rejects.Count);
    }

    private async Task WriteAsync(ReadingBatch batch, Func<int, int> origin, CancellationToken cancellationToken)
    {
        var result = await target.WriteAsync(batch, cancellationToken);
        foreach (var refused in result.Refusals ?? [])
        {
            Reject(origin(refused.Row), refused.Error);
        }

        _result += result;
    }

    private void Reject(int row, string error) => rejects.Add(_origins.Line(row), error, _origins.Text(row));

    private async Task<ReadingValidator> CreateValidatorAsync(CancellationToken cancellationToken)
        => new(
            _batch.Metrics,
            target.Schema,
            maxSkew,
            clock,
            oldest,
            await target.ReadRawHorizonAsync(cancellationToken));

    /// <returns>False at the end of the file.</returns>
    private bool Fill(ReadingSource source, ReadingValidator validator, CancellationToken cancellationToken)
    {
        var (rows, characters) = (0, 0);
        while (rows < BatchRows && characters < BatchCharacters && rows * (long)_batch.MetricCount < BatchValues)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_isAtEnd || !source.Next())
            {
                _isAtEnd = true;
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

    /// <summary>The first readings of the first batch, each of all rows there that add to it.</summary>
    private void NoteFirst()
    {
        if (First.Count > 0)
        {
            return;
        }

        var first = new Dictionary<(string SensorId, long Micros), double[]>();
        for (var row = 0; row < _batch.Count; row++)
        {
            var key = (_batch.SensorIds[row], _batch.TimesMicros[row]);
            if (!first.TryGetValue(key, out var values) && first.Count < MostFirst)
            {
                first.Add(key, values = [.. Enumerable.Repeat(double.NaN, _batch.MetricCount)]);
            }

            for (var m = 0; m < values?.Length; m++)
            {
                values[m] = mode == WriteMode.Replace || !double.IsNaN(_batch.Metric(m)[row]) ? _batch.Metric(m)[row] : values[m];
            }
        }

        foreach (var ((sensorId, micros), values) in first)
        {
            First.Add(new FirstReading(
                sensorId,
                new Instant(micros),
                [.. values.Index().Where(v => !double.IsNaN(v.Item)).Select(v => (_batch.Metrics[v.Index], v.Item))]));
        }
    }

    /// <summary>The readings of the batch that still may be written, and their rows there; the others become rejects.</summary>
    private (ReadingBatch Valid, List<int> Rows) Revalidate(ReadingValidator validator)
    {
        var rows = new List<int>();
        var valid = new ReadingBatch(_batch.Metrics, _batch.Count) { ImportId = _batch.ImportId, Mode = mode };
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
