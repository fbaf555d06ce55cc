using System.Globalization;
using System.Security.Cryptography;
using DuckDB.NET.Data;

namespace Tidemark.DuckDb;

/// <remarks>
/// Commits are counted, and a position is the count behind a name that each store makes for itself: a position of another store is known as
/// such.
/// </remarks>
public sealed partial class DuckDbStore
{
    private const int MostCommitSensors = 256;

    private readonly CommitFeed _feed = new();
    private string _journal = "";
    private long _lastCommit;
    private long _entries;

    public Task<CommitSubscription> SubscribeAsync(CancellationToken cancellationToken) => WriteThread(
        () =>
        {
            RequireInitialized();
            return _feed.Subscribe(Position(_lastCommit));
        },
        cancellationToken);

    public async Task<CommitsSince> ReadCommitsAsync(CommitQuery query, CancellationToken cancellationToken)
    {
        RequireInitialized();
        var last = Volatile.Read(ref _lastCommit);
        var after = Count(query.After);
        if (after is null || after > last)
        {
            return new CommitsSince(Position(last), null, []);
        }

        var (entries, isCut) = after == last
            ? ([], false)
            : await ReadThread((session, _) => ReadEntries(session, after.Value, last), cancellationToken);
        return await CommitJournal.ReadAsync(query, Position(last), entries, isCut, raw => ReadRawAsync(raw, cancellationToken));
    }

    private string Position(long commit) => string.Create(CultureInfo.InvariantCulture, $"{_journal}-{commit}");

    /// <returns>Null when the position is none of this store's.</returns>
    private long? Count(string position)
        => position.Length > _journal.Length && position.StartsWith(_journal, StringComparison.Ordinal) && position[_journal.Length] == '-'
            && long.TryParse(position.AsSpan(_journal.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var commit)
                ? commit
                : null;

    private (List<CommitEntry> Entries, bool IsCut) ReadEntries(Session session, long after, long last)
    {
        var entries = new List<CommitEntry>();
        var next = last + 1;
        using var rows = session.Query(
            $"""
            SELECT position, sensor, first, last, readings FROM internal.commits WHERE position > {after} AND position <= {last}
            ORDER BY position DESC LIMIT {CommitJournal.MostEntries}
            """,
            streaming: false);
        while (rows.Read())
        {
            next = rows.GetInt64(0);
            var sensor = rows.GetInt32(1);
            entries.Add(new CommitEntry(
                sensor == CommitNote.Many ? null : _sensors.Id(sensor), rows.GetInt64(2), rows.GetInt64(3), rows.GetInt64(4)));
        }

        return (entries, next > after + 1 || entries.Count == CommitJournal.MostEntries);
    }

    /// <summary>Part of bringing a store up, in its transaction.</summary>
    private void ReconcileCommits()
    {
        if (Setting("commits") is not { } name)
        {
            name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6));
            SetSetting("commits", name);
        }

        using var rows = _session.Query("SELECT coalesce(max(position), 0), count(*) FROM internal.commits", streaming: false);
        rows.Read();
        (_journal, _lastCommit, _entries) = (name, rows.GetInt64(0), rows.GetInt64(1));
    }

    /// <summary>Of twice as many entries as are kept the older half goes.</summary>
    private void ForgetOldCommits()
    {
        if (_entries <= 2L * _options.KeptCommits)
        {
            return;
        }

        try
        {
            _entries -= _session.Execute(
                $"""
                DELETE FROM internal.commits WHERE position < (SELECT min(position) FROM (
                    SELECT position FROM internal.commits ORDER BY position DESC LIMIT {_options.KeptCommits}))
                """);
        }
        catch (DuckDBException)
        {
            // A full disk, say: what was written is durable, and the next write tries again.
        }
    }

    private sealed partial class WriteTransaction
    {
        private readonly CommitNote _note = new(MostCommitSensors);
        private readonly List<ReadingBatch> _committed = [];
        private readonly List<WrittenRun> _runs = [];

        /// <summary>
        /// Notes what listeners get with the commit, what those that come back later ask for, and what pages in memory lack.
        /// </summary>
        private void NoteCommit(ReadingBatch batch, BatchMetrics metrics, int[] keys, List<int> rows)
        {
            for (var start = 0; start < rows.Count;)
            {
                var (key, end) = (keys[rows[start]], start + 1);
                while (end < rows.Count && keys[rows[end]] == key)
                {
                    end++;
                }

                _note.Add(key, batch.TimesMicros[rows[start]], batch.TimesMicros[rows[end - 1]], end - start);
                _runs.Add(new WrittenRun(key, batch, metrics, rows, start, end));
                start = end;
            }

            if (rows.Count > 0 && store._feed.HasListeners)
            {
                _committed.Add(batch.Take(rows));
            }
        }

        private void AppendCommit()
        {
            if (_note.IsEmpty)
            {
                return;
            }

            using var commits = store._session.Connection.CreateAppender("store", "internal", "commits");
            foreach (var (sensor, first, last, readings) in _note.Entries)
            {
                commits.CreateRow().AppendValue(store._lastCommit + 1).AppendValue(sensor).AppendValue(first).AppendValue(last)
                    .AppendValue(readings).EndRow();
            }
        }

        /// <summary>Before last readings are: who sees one finds its commit.</summary>
        private void CountCommit()
        {
            if (!_note.IsEmpty)
            {
                Volatile.Write(ref store._lastCommit, store._lastCommit + 1);
                store._entries += _note.Entries.Count();
            }
        }

        private void PublishCommit()
        {
            var before = store.Position(store._lastCommit - 1);
            foreach (var (i, readings) in _committed.Index())
            {
                // Who goes on in the middle of a commit gets all of it again.
                var position = i + 1 == _committed.Count ? store.Position(store._lastCommit) : before;
                store._feed.Publish(new CommittedReadings(position, readings));
            }
        }
    }
}
