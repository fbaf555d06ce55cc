using System.Globalization;
using Npgsql;
using NpgsqlTypes;

namespace Tidemark.Timescale;

/// <remarks>
/// A position is a snapshot of PostgreSQL: what it doesn't see was committed since, in whatever order transactions began and ended.
/// While anybody listens, one task asks which commits its last snapshot didn't see, woken by this process's writes and by notifications
/// of others'. This process's own readings are handed over in memory, others' are read.
/// </remarks>
public sealed partial class TimescaleStore
{
    private const string Channel = "tidemark_commits";
    private const long MostOwnValues = 4_000_000;
    private const int MostOthers = 500_000;

    // Without notifications others' commits are asked for; with them that is for what a lost connection kept away.
    private static readonly TimeSpan ShortPoll = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongPoll = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Remembered = TimeSpan.FromHours(1);
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(200);

    private readonly CommitFeed _feed = new();
    private readonly string _process = Guid.NewGuid().ToString("N");
    private readonly SemaphoreSlim _listening = new(1);
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Lock _ownLock = new();
    private Dictionary<string, IReadOnlyList<ReadingBatch>> _own = [];
    private long _ownValues;
    private string _snapshot = "";
    private (Task Task, CancellationTokenSource Stop)? _listener;
    private long _forgetAt = long.MinValue;

    public async Task<CommitSubscription> SubscribeAsync(CancellationToken cancellationToken)
    {
        RequireInitialized();
        await _listening.WaitAsync(cancellationToken);
        try
        {
            if (_listener is null)
            {
                _snapshot = await _database.RunAsync(
                    async connection => (string)(await ScalarAsync(
                        connection, "SELECT pg_current_snapshot()::text", cancellationToken))!,
                    cancellationToken);
            }

            var subscription = _feed.Subscribe(_snapshot, StopIfUnheardAsync);
            if (_listener is null)
            {
                var stop = new CancellationTokenSource();
                _listener = (Task.Run(() => ListenAsync(stop.Token), CancellationToken.None), stop);
            }

            return subscription;
        }
        finally
        {
            _listening.Release();
        }
    }

    public async Task<CommitsSince> ReadCommitsAsync(CommitQuery query, CancellationToken cancellationToken)
    {
        RequireInitialized();
        var (position, commits, isCut) = await _database.RunAsync(
            connection => CommitsAfterAsync(connection, query.After, cancellationToken), cancellationToken);
        return await CommitJournal.ReadAsync(
            query,
            position,
            commits.AsEnumerable().Reverse().SelectMany(c => c.Entries),
            isCut,
            raw => ReadRawAsync(raw, standby: false, cancellationToken));
    }

    /// <summary>Hands a commit of this process to its listeners.</summary>
    /// <param name="transaction">Its id.</param>
    /// <param name="readings">Null when they must be read.</param>
    private void Publish(string transaction, IReadOnlyList<ReadingBatch>? readings)
    {
        lock (_ownLock)
        {
            var values = readings?.Sum(batch => (long)batch.Count * (2 + batch.MetricCount)) ?? 0;
            if (readings is not null && _ownValues + values <= MostOwnValues)
            {
                _ownValues += values;
                _own[transaction] = readings;
            }
        }

        _wake.Release();
    }

    private async Task ListenAsync(CancellationToken stop)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var notifications = _listens ? HearOthersAsync(ends.Token) : Task.CompletedTask;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await _wake.WaitAsync(_listens ? LongPoll : ShortPoll, stop);
                while (_wake.Wait(0, CancellationToken.None))
                {
                    // One question is for all that woke it.
                }

                await PublishNewAsync(stop);
            }
            catch (Exception e) when (e is StoreException or OperationCanceledException or ObjectDisposedException)
            {
                await Task.WhenAny(Task.Delay(Retry, stop));
            }
        }

        await ends.CancelAsync();
        await notifications;
    }

    private async Task PublishNewAsync(CancellationToken cancellationToken)
    {
        Dictionary<string, IReadOnlyList<ReadingBatch>> own;
        lock (_ownLock)
        {
            (own, _own, _ownValues) = (_own, [], 0);
        }

        var before = _snapshot;
        var (position, commits, _) = await _database.RunAsync(
            connection => CommitsAfterAsync(connection, before, cancellationToken), cancellationToken);
        var batches = new List<(ReadingBatch Readings, long? Missed)>();
        foreach (var (transaction, entries) in commits)
        {
            if (own.TryGetValue(transaction, out var readings))
            {
                batches.AddRange(readings.Select(batch => (batch, (long?)0)));
                continue;
            }

            var read = await CommitJournal.ReadAsync(
                new CommitQuery(before, SensorSelection.All, MostOthers),
                position,
                entries,
                isCut: false,
                raw => ReadRawAsync(raw, standby: false, cancellationToken));
            batches.AddRange(read.Batches.Select(batch => (batch, (long?)0)));
            if (read.Missed != 0)
            {
                batches.Add((new ReadingBatch([], 0), read.Missed));
            }
        }

        foreach (var (i, (readings, missed)) in batches.Index())
        {
            _feed.Publish(new CommittedReadings(i + 1 == batches.Count ? position : before, readings, missed));
        }

        _snapshot = position;
    }

    /// <summary>The commits that a snapshot didn't see, by their transactions' ids, and the snapshot in which they are seen.</summary>
    private async Task<(string Position, List<(string Transaction, List<CommitEntry> Entries)> Commits, bool IsCut)> CommitsAfterAsync(
        NpgsqlConnection connection, string after, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT pg_current_snapshot()::text, coalesce((SELECT value::xid8 FROM tidemark.settings WHERE name = 'commits_forgotten')
                >= pg_snapshot_xmin(s.after), false) OR pg_snapshot_xmin(s.after) > pg_snapshot_xmax(pg_current_snapshot()),
                c.xid::text, c.sensor_ids, c.first, c.last, c.readings
            FROM (SELECT coalesce($1::pg_snapshot, pg_current_snapshot()) AS after) s
            LEFT JOIN tidemark.commits c ON c.xid >= pg_snapshot_xmin(s.after) AND c.xid < pg_snapshot_xmax(pg_current_snapshot())
                AND NOT pg_visible_in_snapshot(c.xid, s.after)
            ORDER BY c.xid
            """,
            connection)
        {
            Parameters = { new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Text, Value = IsSnapshot(after) ? after : DBNull.Value } },
        };
        var (position, isCut, commits) = ("", true, new List<(string, List<CommitEntry>)>());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            (position, isCut) = (reader.GetString(0), reader.GetBoolean(1));
            if (!reader.IsDBNull(2))
            {
                var ids = reader.GetFieldValue<string?[]>(3);
                var (first, last, readings)
                    = (reader.GetFieldValue<long[]>(4), reader.GetFieldValue<long[]>(5), reader.GetFieldValue<long[]>(6));
                commits.Add((
                    reader.GetString(2), [.. ids.Select((id, i) => new CommitEntry(id, first[i], last[i], readings[i]))]));
            }
        }

        return (position, commits, isCut || !IsSnapshot(after));
    }

    /// <summary>Whether it is XMIN:XMAX:XIP,… as PostgreSQL writes it.</summary>
    private static bool IsSnapshot(string position)
    {
        static bool TryParse(string text, out ulong xid)
            => ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out xid) && xid > 0;

        if (position.Split(':') is not [var min, var max, var running] || !TryParse(min, out var next) || !TryParse(max, out var end))
        {
            return false;
        }

        foreach (var text in running.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!TryParse(text, out var xid) || xid < next || xid >= end)
            {
                return false;
            }

            next = xid;
        }

        return next <= end;
    }

    /// <summary>Hears of the commits of other processes as long as its connection lasts, and connects again.</summary>
    private async Task HearOthersAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = await _database.OpenListenerAsync(stop);
                connection.Notification += (_, notification) =>
                {
                    if (notification.Payload != _process)
                    {
                        _wake.Release();
                    }
                };
                await ExecuteAsync(connection, $"LISTEN {Channel}", stop);

                // What was committed while nobody heard.
                _wake.Release();
                while (true)
                {
                    await connection.WaitAsync(stop);
                }
            }
            catch (Exception e) when (e is NpgsqlException or OperationCanceledException or IOException)
            {
                await Task.WhenAny(Task.Delay(Retry, stop));
            }
        }
    }

    private async ValueTask StopIfUnheardAsync()
    {
        await _listening.WaitAsync();
        try
        {
            if (!_feed.HasListeners)
            {
                await StopListenerAsync();
            }
        }
        finally
        {
            _listening.Release();
        }
    }

    private async Task StopListeningAsync()
    {
        _feed.Complete();
        await _listening.WaitAsync();
        await StopListenerAsync();
        _listening.Release();
    }

    private async Task StopListenerAsync()
    {
        if (_listener is { } listener)
        {
            await listener.Stop.CancelAsync();
            await listener.Task;
            listener.Stop.Dispose();
            _listener = null;
        }
    }

    /// <summary>A statement that forgets old commits, once in a while.</summary>
    private NpgsqlBatchCommand? ForgetCommits()
    {
        var now = Environment.TickCount64;
        if (now < _forgetAt)
        {
            return null;
        }

        _forgetAt = now + (long)Remembered.TotalMilliseconds / 12;
        return new NpgsqlBatchCommand(
            """
            WITH gone AS (DELETE FROM tidemark.commits WHERE at < now() - $1 RETURNING xid)
            INSERT INTO tidemark.settings AS s SELECT 'commits_forgotten', xid::text FROM gone ORDER BY xid DESC LIMIT 1
            ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE s.value::xid8 < excluded.value::xid8
            """)
        {
            Parameters = { new NpgsqlParameter<TimeSpan> { TypedValue = Remembered } },
        };
    }
}
