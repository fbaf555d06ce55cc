using System.Collections.Concurrent;
using DuckDB.NET.Data;
using Microsoft.Extensions.Caching.Memory;

namespace Tidemark.DuckDb;

/// <summary>
/// The embedded engine: one DuckDB file in a folder, open in one process. Everything that writes runs on one thread, so
/// transactions never conflict; reads run on others, each in a snapshot of its own, and never wait for a write.
/// </summary>
public sealed partial class DuckDbStore : ITelemetryStore
{
    public const string FileName = "tidemark.duckdb";

    // Two openings of one file in a process would be two databases that overwrite each other, so it is opened once, by its resolved name.
    private static readonly ConcurrentDictionary<string, bool> OpenFiles = new(StringComparer.Ordinal);

    // The log is written into the database file beyond this size, on the writer's thread, so that no commit stalls on it.
    private const long CheckpointBytes = 64L << 20;

    private readonly DuckDbOptions _options;
    private readonly string _file;
    private readonly string _folder;
    private readonly SensorTable _sensors = new();
    private readonly MemoryCache _room;
    private readonly PartialPages _pages;
    private readonly RawPages _rawPages;
    private readonly FleetPages _fleetPages;
    private readonly ConcurrentDictionary<string, Instant> _lastRefresh = new(StringComparer.Ordinal);
    private readonly ConcurrentBag<Session> _idleSessions = [];
    private readonly BlockingScheduler _writer = new("tidemark-writer", 1);
    private readonly BlockingScheduler _readers = new("tidemark-reader", Math.Max(4, 2 * Environment.ProcessorCount));

    // Long reads have threads of their own, so that a short one never waits for them.
    private readonly BlockingScheduler _streams = new("tidemark-stream", Math.Max(2, Environment.ProcessorCount));
    private readonly Session _session;
    private StoreState _state = StoreState.Empty;

    // The configured aggregates, then those that the store has besides: late writes are noted for all, retention refreshes all.
    private TelemetrySchema _kept;
    private int _structure;
    private long _commits;
    private bool _initialized;
    private int _disposed;

    private DuckDbStore(DuckDbOptions options, string file, Session session)
    {
        _options = options;
        _file = file;
        _folder = Path.GetDirectoryName(file)!;
        _session = session;
        Schema = _kept = options.Schema;
        _room = new MemoryCache(new MemoryCacheOptions { SizeLimit = options.PageBytes });
        _pages = new PartialPages(_sensors, _room);
        _rawPages = new RawPages(_sensors, _room, IsCurrent);
        _fleetPages = new FleetPages(_room);
        ChunkWidth = BucketWidth.Fixed(options.ChunkInterval);
    }

    /// <summary>Aggregates as configured, but for the sources that they were made with.</summary>
    public TelemetrySchema Schema { get; private set; }

    public static bool Exists(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Opens the folder's database and creates both when they aren't there; <see cref="InitializeAsync"/> comes next.</summary>
    /// <exception cref="StoreException">The folder is in use, can't be written, or holds something else.</exception>
    public static Task<ITelemetryStore> OpenAsync(DuckDbOptions options, CancellationToken cancellationToken)
        => Task.Run(() => Open(options), cancellationToken);

    /// <summary>The <see cref="DuckDbOptions.Settings"/> that the folder's store was last initialised with.</summary>
    /// <returns>Null when the store has none or isn't there, which is left so.</returns>
    /// <exception cref="StoreException">The store is in use or can't be read.</exception>
    public static Task<string?> ReadSettingsAsync(string folder, CancellationToken cancellationToken)
        => Task.Run(() => Exists(folder) ? ReadSettings(folder) : null, cancellationToken);

    private static string? ReadSettings(string folder)
    {
        var (file, session) = Attach(folder);
        try
        {
            return IsOurs(session) ? Setting(session, SettingsName) : null;
        }
        catch (DuckDBException e)
        {
            throw DuckDbErrors.Translate(e, folder, CancellationToken.None);
        }
        finally
        {
            session.Dispose();
            OpenFiles.TryRemove(file, out _);
        }
    }

    private static ITelemetryStore Open(DuckDbOptions options)
    {
        var (file, session) = Attach(options.Folder);
        return new DuckDbStore(options, file, session);
    }

    private static (string File, Session Session) Attach(string folder)
    {
        try
        {
            folder = Directory.CreateDirectory(folder).FullName;
            var file = Resolve(Path.Combine(folder, FileName));
            if (!OpenFiles.TryAdd(file, true))
            {
                throw new StoreException(StoreErrorKind.InUse, $"the store in {folder} is open already in this process");
            }

            try
            {
                return (file, Session.Attach(file));
            }
            catch
            {
                OpenFiles.TryRemove(file, out _);
                throw;
            }
        }
        catch (Exception e) when (e is not StoreException)
        {
            // What is no failure of the disk, while nothing but opening was tried, is the file's own fault.
            throw DuckDbErrors.Translate(e, folder, CancellationToken.None) is StoreException { Kind: not StoreErrorKind.Unavailable } known
                ? known
                : DuckDbErrors.NotAStore(folder, e);
        }
    }

    /// <summary>The path without symbolic links: two names of one file are one database.</summary>
    private static string Resolve(string path)
    {
        var parent = Path.GetDirectoryName(path);
        if (parent is null)
        {
            return path;
        }

        var here = Path.Combine(Resolve(parent), Path.GetFileName(path));
        return Path.Exists(here) ? new FileInfo(here).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? here : here;
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _feed.Complete();
        await _writer.Run(() =>
        {
            try
            {
                if (_initialized)
                {
                    CreateViews();
                }
            }
            catch (DuckDBException)
            {
                // A full disk, say: the next open brings the views up, and what was acknowledged is in the log.
            }

            Checkpoint(always: true);
            return true;
        });
        await Task.Run(() =>
        {
            _writer.Dispose();
            _readers.Dispose();
            _streams.Dispose();
        });
        while (_idleSessions.TryTake(out var session))
        {
            session.Dispose();
        }

        _session.Dispose();
        _room.Dispose();
        OpenFiles.TryRemove(_file, out _);
    }

    /// <summary>Runs on the writer's thread: one at a time, in order.</summary>
    private async Task<T> WriteThread<T>(Func<T> work, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return await _writer.Run(() =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                return work();
            }
            catch (DuckDBException e)
            {
                throw DuckDbErrors.Translate(e, _folder, CancellationToken.None);
            }
        });
    }

    /// <summary>A transaction on the writer's thread; the work answers the state that becomes current with the commit.</summary>
    private T Transaction<T>(Func<StoreState, (StoreState Next, T Result)> work)
    {
        _session.Execute("BEGIN TRANSACTION");
        try
        {
            var (next, result) = work(_state);
            Commit(next);
            return result;
        }
        catch
        {
            Rollback();
            throw;
        }
    }

    /// <summary>
    /// Commits and makes the state current. Readers that begin meanwhile wait (<see cref="ReadConsistently"/>), so that none combines one
    /// catalog with another's data.
    /// </summary>
    private void Commit(StoreState next)
    {
        var structural = !ReferenceEquals(next, _state);
        if (structural)
        {
            Interlocked.Increment(ref _structure);
        }

        try
        {
            _session.Execute("COMMIT");
            if (!ReferenceEquals(next.Metrics, _state.Metrics))
            {
                Schema = Schema.With([.. next.Metrics.All.Select(m => m.Metric)]);
            }

            _state = next;
            Interlocked.Increment(ref _commits);
        }
        finally
        {
            if (structural)
            {
                Interlocked.Increment(ref _structure);
            }
        }
    }

    private void Rollback()
    {
        try
        {
            _session.Execute("ROLLBACK");
        }
        catch (DuckDBException)
        {
            // The failed commit has ended the transaction already; its exception is the one that tells why.
        }
    }

    /// <summary>Opens a read whose first statement sees exactly the data that the state describes.</summary>
    private T ReadConsistently<T>(Func<StoreState, T> open, Action<T> discard)
    {
        var wait = new SpinWait();
        while (true)
        {
            var structure = Volatile.Read(ref _structure);
            if ((structure & 1) != 0)
            {
                wait.SpinOnce();
                continue;
            }

            T opened;
            try
            {
                opened = open(_state);
            }
            catch (DuckDBException) when (Volatile.Read(ref _structure) != structure)
            {
                continue;
            }

            if (Volatile.Read(ref _structure) == structure)
            {
                return opened;
            }

            discard(opened);
        }
    }

    /// <summary>The same with what is in memory alone, at once.</summary>
    /// <returns>False when it isn't enough, or a commit is under way.</returns>
    private bool TryReadConsistently(Func<StoreState, bool> read)
    {
        var structure = Volatile.Read(ref _structure);
        return (structure & 1) == 0 && read(_state) && Volatile.Read(ref _structure) == structure;
    }

    private bool IsCurrent(StoreState state)
        => (Volatile.Read(ref _structure) & 1) == 0 && ReferenceEquals(Volatile.Read(ref _state), state);

    private Session RentSession()
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return _idleSessions.TryTake(out var session) ? session : _session.Duplicate();
    }

    private void ReturnSession(Session session)
    {
        if (_disposed != 0)
        {
            session.Dispose();
        }
        else
        {
            _idleSessions.Add(session);
        }
    }

    /// <summary>Reads on a reader's thread with a session of its own, which is returned.</summary>
    private Task<T> ReadThread<T>(
        Func<Session, StoreState, T> read,
        CancellationToken cancellationToken,
        bool isLong = false) => (isLong ? _streams : _readers).Run(() =>
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            RequireInitialized();
            var session = RentSession();
            try
            {
                using var interrupt = cancellationToken.Register(session.Interrupt);
                return ReadConsistently(state => read(session, state), static _ => { });
            }
            finally
            {
                ReturnSession(session);
            }
        }
        catch (DuckDBException e)
        {
            throw DuckDbErrors.Translate(e, _folder, cancellationToken);
        }
    });

    private void RequireInitialized()
    {
        if (!Volatile.Read(ref _initialized))
        {
            throw new StoreException(StoreErrorKind.Invalid, $"the store in {_folder} is not initialised: run 'tidemark init'");
        }
    }

    private int RequireSensor(string sensorId)
        => _sensors.TryGetKey(sensorId, out var key) ? key : throw StoreException.UnknownSensor(sensorId);

    private Instant Now => Instant.From(_options.Clock.GetUtcNow());

    private void Checkpoint(bool always)
    {
        var log = new FileInfo(_file + ".wal");
        if (!log.Exists || (!always && log.Length < CheckpointBytes))
        {
            return;
        }

        try
        {
            _session.Execute("CHECKPOINT");
        }
        catch (DuckDBException)
        {
            // A long read holds an old snapshot: the log keeps everything, and the next checkpoint takes it over.
        }
    }
}
