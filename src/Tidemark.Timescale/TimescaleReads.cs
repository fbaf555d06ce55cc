using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    /// <summary>An answer that is open between batches: it holds a connection and, as one statement, one snapshot.</summary>
    private sealed class OpenRead(
        TimescaleStore store,
        NpgsqlBatch batch,
        NpgsqlDataReader reader,
        CancellationToken cancellationToken) : IAsyncDisposable
    {
        private bool _ended;
        private int _disposed;

        public StoreState State { get; init; } = null!;

        public bool Pending { get; init; }

        /// <summary>The statements that its own is one of.</summary>
        public TimescaleSql Sql { get; init; } = null!;

        /// <summary>Fills a batch through <paramref name="add"/>; false at the end.</summary>
        public async Task<bool> FillAsync(Action<NpgsqlDataReader> add)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                var rows = 0;
                while (rows < BatchRows && !_ended)
                {
                    if (await reader.ReadAsync(cancellationToken))
                    {
                        add(reader);
                        rows++;
                    }
                    else
                    {
                        _ended = true;
                    }
                }

                return rows > 0;
            }
            catch (Exception e)
            {
                throw TimescaleErrors.Translate(e, store._database.Location, cancellationToken);
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref _disposed, 1) != 0)
            {
                return;
            }

            var connection = batch.Connection!;
            try
            {
                if (!_ended)
                {
                    // Nobody wants the rest: without this it would be sent to its end.
                    batch.Cancel();
                }

                await reader.DisposeAsync();
            }
            catch (Exception e) when (e is NpgsqlException or OperationCanceledException or IOException)
            {
                // The answer to the cancellation; a connection that is broken by it leaves the pool.
            }

            await batch.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}
