using System.Runtime.CompilerServices;
using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    // What the finest aggregate had materialised when it was last counted: only what came since is counted again.
    private MaterialisedTotals? _totals;
    private int _counting;

    private sealed record MaterialisedTotals(Instant Until, long Rewrites, IReadOnlyDictionary<string, long> BySensor);

    public async IAsyncEnumerable<SensorInfo> ReadSensorsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RequireInitialized();

        // One reader at a time keeps what it counts.
        var counts = Interlocked.Exchange(ref _counting, 1) == 0;
        try
        {
            var (read, finest, known) = await OpenSensorsAsync(cancellationToken);
            await using (read)
            {
                var totals = counts ? new Dictionary<string, long>(StringComparer.Ordinal) : null;
                var sensors = new List<SensorInfo>();
                while (await read.FillAsync(reader =>
                    {
                        var id = reader.GetString(0);
                        var total = reader.GetInt64(2) + (known?.BySensor.GetValueOrDefault(id) ?? 0);
                        totals?.Add(id, total);
                        sensors.Add(new SensorInfo(id, reader.GetInstant(1), total + reader.GetInt64(3)));
                    }))
                {
                    foreach (var sensor in sensors)
                    {
                        yield return sensor;
                    }

                    sensors.Clear();
                }

                if (totals is not null)
                {
                    Volatile.Write(ref _totals, new MaterialisedTotals(finest.Watermark ?? Instant.MinValue, finest.Rewrites, totals));
                }
            }
        }
        finally
        {
            if (counts)
            {
                Volatile.Write(ref _counting, 0);
            }
        }
    }

    private async Task<(OpenRead Read, AggregateState Finest, MaterialisedTotals? Known)> OpenSensorsAsync(
        CancellationToken cancellationToken)
    {
        AggregateState finest = null!;
        MaterialisedTotals? known = null;
        var read = await _database.OpenAsync(
            standby: false,
            async connection =>
            {
                while (true)
                {
                    var made = _state!;
                    (finest, known) = (made.Aggregate(Schema.Finest), Volatile.Read(ref _totals));
                    if (known is not null && (known.Rewrites != finest.Rewrites || known.Until > finest.Watermark))
                    {
                        known = null;
                    }

                    var parts = new SqlParts(made);
                    var batch = Snapshot(connection);
                    var sensors = Sql.Sensors(parts, made, known?.Until ?? Instant.MinValue);
                    Add(batch, new NpgsqlBatchCommand(StateSql), parts.ToBatchCommand(sensors), new NpgsqlBatchCommand("COMMIT"));
                    var reader = await batch.ExecuteReaderAsync(cancellationToken);
                    var state = await ReadStateAsync(reader, cancellationToken);
                    await reader.NextResultAsync(cancellationToken);
                    if (state.HasWatermarksOf(made) && state.Aggregate(Schema.Finest).Rewrites == finest.Rewrites)
                    {
                        return new OpenRead(this, batch, reader, cancellationToken);
                    }

                    await reader.DisposeAsync();
                }
            },
            cancellationToken);
        return (read, finest, known);
    }
}
