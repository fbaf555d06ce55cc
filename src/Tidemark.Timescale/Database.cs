using Npgsql;

namespace Tidemark.Timescale;

/// <summary>
/// Connections to the servers: writes and what must be fresh go to the primary, other reads to a standby when the store names several
/// hosts.
/// No operation holds more than one connection at a time, so a pool of one is enough.
/// </summary>
internal sealed class Database : IAsyncDisposable
{
    // With pauses of up to two seconds: what is busy for more than half a minute is reported so.
    private const int Attempts = 24;

    private readonly bool _several;
    private long _written;

    private readonly NpgsqlDataSource _all;
    private readonly NpgsqlDataSource _primary;
    private readonly NpgsqlDataSource _standby;
    private readonly NpgsqlDataSource _listener;

    public Database(string connection)
    {
        var settings = ConnectionString.Parse(connection);
        _several = settings.Host!.Contains(',', StringComparison.Ordinal);
        var port = settings.Host.Contains(':', StringComparison.Ordinal) ? "" : $":{settings.Port}";
        Location = $"postgresql://{settings.Host}{port}/{settings.Database ?? settings.Username}";
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        builder.UsePhysicalConnectionInitializer(
            connection => Settings(connection).ExecuteNonQuery(),
            connection => Settings(connection).ExecuteNonQueryAsync());
        var alone = new NpgsqlDataSourceBuilder(new NpgsqlConnectionStringBuilder(settings.ConnectionString)
        {
            MinPoolSize = 0,
            MaxPoolSize = 1,
            KeepAlive = 10,
            Multiplexing = false,
        }.ConnectionString);
        _listener = _several ? alone.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary) : alone.Build();
        if (_several)
        {
            var hosts = builder.BuildMultiHost();
            (_all, _primary, _standby) = (hosts, hosts.WithTargetSession(TargetSessionAttributes.Primary), hosts.WithTargetSession(
                TargetSessionAttributes.PreferStandby));
        }
        else
        {
            _all = builder.Build();
            (_primary, _standby) = (_all, _all);
        }
    }

    /// <summary>
    /// Called when work meets a table or column that isn't there: another process may have changed the store. Once, then the work is done
    /// again, if this answers so.
    /// </summary>
    public Func<NpgsqlConnection, Task<bool>>? Renew { get; init; }

    /// <summary>Hosts, port and database, without user and password.</summary>
    public string Location { get; }

    /// <summary>
    /// Runs work on a connection of its own to the primary, again when it lost a race or its connection: it must leave nothing behind when
    /// it fails.
    /// </summary>
    public Task<T> RunAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
        => OpenAsync(
            standby: false,
            async connection =>
            {
                await using (connection)
                {
                    return await work(connection);
                }
            },
            cancellationToken);

    /// <summary>The same for work that changes something of which this process's next reads must know.</summary>
    public Task<T> ChangeAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
        => RunAsync(
            async connection =>
            {
                var result = await work(connection);
                await NoteWrittenAsync(connection, CancellationToken.None);
                return result;
            },
            cancellationToken);

    /// <summary>Remembers how far the primary's log is.</summary>
    private async Task NoteWrittenAsync(NpgsqlConnection primary, CancellationToken cancellationToken)
    {
        if (_several)
        {
            await using var command = new NpgsqlCommand("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint", primary);
            var position = (long)(await command.ExecuteScalarAsync(cancellationToken))!;
            for (long written; (written = Volatile.Read(ref _written)) < position
                && Interlocked.CompareExchange(ref _written, position, written) != written;)
            {
            }
        }
    }

    /// <summary>An SQL condition that holds on a standby that hasn't replayed yet what this process wrote.</summary>
    public string IsBehind(SqlParts parts)
        => _several
            ? $"(pg_is_in_recovery() AND (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint < {parts.Add(Volatile.Read(ref _written))})"
            : "false";

    /// <summary>Opens what holds on to its connection and closes it in the end; on the primary when the standby asked is behind.</summary>
    public async Task<T> OpenAsync<T>(bool standby, Func<NpgsqlConnection, Task<T>> open, CancellationToken cancellationToken)
    {
        var renewed = false;
        for (var attempt = 1; ; attempt++)
        {
            NpgsqlConnection? connection = null;
            try
            {
                connection = await (standby ? _standby : _primary).OpenConnectionAsync(cancellationToken);
                return await open(connection);
            }
            catch (Exception e) when (standby && connection is not null && (e is StandbyBehindException || TimescaleErrors.IsLacking(e)))
            {
                await connection.DisposeAsync();
                standby = false;
            }
            catch (Exception e)
            {
                if (connection is not null)
                {
                    await connection.DisposeAsync();
                }

                if (!renewed && TimescaleErrors.IsLacking(e) && await RenewAsync())
                {
                    renewed = true;
                }
                else if (cancellationToken.IsCancellationRequested || !await MayTryAgainAsync(e, attempt, cancellationToken))
                {
                    throw TimescaleErrors.Translate(e, Location, cancellationToken);
                }
            }
        }
    }

    private async Task<bool> RenewAsync()
    {
        try
        {
            await using var connection = await _primary.OpenConnectionAsync();
            return Renew is not null && await Renew(connection);
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private async Task<bool> MayTryAgainAsync(Exception failure, int attempt, CancellationToken cancellationToken)
    {
        if (attempt < Attempts && TimescaleErrors.IsConflict(failure))
        {
            var pause = Math.Min(1000, 5 << Math.Min(attempt, 8));
            await Task.Delay(Random.Shared.Next(pause, 2 * pause), cancellationToken);
            return true;
        }

        if (attempt == 1 && TimescaleErrors.IsLostConnection(failure))
        {
            // After a restart of the server every pooled connection is as dead as this one.
            _all.Clear();
            return true;
        }

        return false;
    }

    /// <summary>A connection to the primary beside the pool, for what waits on it: it finds out by itself when it is lost.</summary>
    public async Task<NpgsqlConnection> OpenListenerAsync(CancellationToken cancellationToken)
        => await _listener.OpenConnectionAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        await _all.DisposeAsync();
    }

    /// <summary>
    /// What holds for a connection as long as it lives: Tidemark leaves none of it changed, so the pool needn't reset it.
    /// </summary>
    private static NpgsqlCommand Settings(NpgsqlConnection connection) => new(
        """
        SET client_min_messages = warning;
        SET timezone = 'UTC';
        SET search_path = public;
        SET jit = off;
        SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0;
        SET timescaledb.materializations_per_refresh_window = 1000
        """,
        connection);
}

/// <summary>A standby doesn't have yet what this process wrote: the primary is asked instead.</summary>
internal sealed class StandbyBehindException : Exception;
