using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    /// <summary>
    /// Writes to a store without a key. Nothing is looked up, and a load with many readings of each sensor is compressed by TimescaleDB as
    /// it comes.
    /// </summary>
    private sealed partial class WriteTransaction
    {
        // Fewer readings of a sensor make compressed batches, of up to a thousand, that are too small to be worth it.
        private const int DirectCompressFrom = 100;

        // A server that took over from the one that was lost may not have come to that transaction at all.
        private const string Status
            = "SELECT CASE WHEN $1::xid8 < pg_snapshot_xmax(pg_current_snapshot()) THEN pg_xact_status($1::xid8) END";

        private static readonly TimeSpan LongestCommit = TimeSpan.FromSeconds(10);

        private string? _transaction;
        private WriteResult[] _results = [];

        private async Task<WriteResult[]> AppendAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        {
            if (await IsCommittedAsync(connection, cancellationToken))
            {
                return _results;
            }

            await BeginAsync(connection, cancellationToken);
            if (!await ClaimImportAsync(connection, cancellationToken))
            {
                await ExecuteAsync(connection, "ROLLBACK", cancellationToken);
                return [new WriteResult(0, 0, batches[0].Count) { AppendOnly = true }];
            }

            (_results, var rows) = _rows.All();
            if (store._copy && rows.Count >= CopyFrom)
            {
                if (store._directCompress && rows.Count >= DirectCompressFrom * _rows.SensorIds.Length)
                {
                    await CompressDirectlyAsync(connection, cancellationToken);
                }

                await Task.Run(() => Copy(connection, rows), cancellationToken);
            }
            else
            {
                await InsertAsync(connection, rows, cancellationToken);
            }

            _transaction = (string)(await ScalarAsync(connection, "SELECT pg_current_xact_id()::text", cancellationToken))!;
            await CommitAsync(connection, rows, cancellationToken);
            return _results;
        }

        /// <summary>
        /// Whether the transaction of an attempt before, whose connection was lost, is committed after all: without a key its readings
        /// can't be told
        /// by looking.
        /// </summary>
        private async Task<bool> IsCommittedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        {
            if (_transaction is null)
            {
                return false;
            }

            for (var waited = TimeSpan.Zero; ; waited += TimeSpan.FromMilliseconds(100))
            {
                switch (await ScalarAsync(connection, Status, cancellationToken, _transaction))
                {
                    case "committed":
                        return true;
                    case "in progress" when waited < LongestCommit:
                        await Task.Delay(100, cancellationToken);
                        break;
                    case "in progress":
                        throw new StoreException(StoreErrorKind.Unavailable, $"{store._database.Location} lost a connection while it "
                            + "committed: whether these readings are stored is not known");
                    default:
                        _transaction = null;
                        return false;
                }
            }
        }

        /// <returns>False when a batch of that name is written already, by a transaction that may have ended only now.</returns>
        private async Task<bool> ClaimImportAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
            => batches is not [{ ImportId: { } id }]
                || await ExecuteAsync(
                    connection,
                    "INSERT INTO tidemark.imports (id) VALUES ($1) ON CONFLICT DO NOTHING",
                    cancellationToken,
                    id) == 1;

        /// <summary>
        /// Rows come in the order of compressed batches. Where each sensor's are newer than all that it has, no batch overlaps another one,
        /// and
        /// TimescaleDB may be told so; else it marks the chunk, and reads in order cost a sort until it is compressed again.
        /// </summary>
        private async Task CompressDirectlyAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
        {
            var ascending = _rows.Runs.Where((run, i) => i == 0 || _rows.Key(run) != _rows.Key(_rows.Runs[i - 1]))
                .All(first => _rows.Time(first) > _latest[_rows.Key(first)]);
            await ExecuteAsync(
                connection,
                $"""
                SET LOCAL timescaledb.enable_direct_compress_copy = on;
                SET LOCAL timescaledb.enable_direct_compress_copy_client_sorted = {(ascending ? "on" : "off")}
                """,
                cancellationToken);
        }
    }
}
