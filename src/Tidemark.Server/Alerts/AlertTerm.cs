using Tidemark.Alerts;
using Tidemark.Configuration;

namespace Tidemark.Server.Alerts;

/// <summary>
/// Evaluates rules from taking the right to until losing it. Everything that changes is written with the position among the commits up to
/// which readings have been looked at, so that the next term begins where this one was.
/// </summary>
internal sealed class AlertTerm(
    AlertOptions options, ITelemetryStore store, AlertLease lease, AlertReceivers receivers, AlertCounts counts, TimeProvider clock)
    : IAsyncDisposable
{
    // Of what was committed while nobody looked, more are not looked at one by one.
    private const int MostCaughtUp = 200_000;

    // So many batches are looked at before what they changed is written.
    private const int BatchesAtOnce = 100;

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly AlertEvaluation _evaluation = new(options.MaxInstances);
    private readonly Dictionary<string, string?> _unsaved = new(StringComparer.Ordinal);
    private readonly List<AlertMessage> _unsent = [];
    private CommitSubscription? _commits;
    private string _position = "";
    private string _rules = "";
    private long _sequence;
    private bool _isBehind;
    private bool _isLost;

    private Instant Now => Instant.From(clock.GetUtcNow());

    /// <summary>Takes up what an earlier term left, and what was committed since.</summary>
    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        _commits = await store.SubscribeAsync(cancellationToken);
        _position = _commits.Position;
        await SetRulesAsync(cancellationToken);
        var alerts = new List<ActiveAlert>();
        await foreach (var alert in AlertDocuments.ReadAlertsAsync(store, cancellationToken))
        {
            alerts.Add(alert);
        }

        await TakeUpOutboxAsync(cancellationToken);
        Take(_evaluation.Load(alerts, Now));
        if (await AlertDocuments.ReadTextAsync(store, AlertDocuments.Position, cancellationToken) is { } position)
        {
            await CatchUpAsync(position, cancellationToken);
        }

        await LookAtLastReadingsAsync(cancellationToken);
        await SaveAsync(cancellationToken);
    }

    /// <summary>Looks at commits and at the clock until the right is lost.</summary>
    /// <param name="woken">Completes when rules may have changed; asked for anew each time.</param>
    /// <param name="cancellationToken">Ends the term.</param>
    public async Task RunAsync(Func<Task> woken, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var commits = _commits!.ReadAllAsync(over.Token).GetAsyncEnumerator(over.Token);
        var (next, tick, wake) = (commits.MoveNextAsync().AsTask(), Task.Delay(Second, clock, over.Token), woken());
        try
        {
            do
            {
                await Task.WhenAny(next, tick, wake);
                cancellationToken.ThrowIfCancellationRequested();
                for (var batches = 0; next.IsCompleted && batches < BatchesAtOnce; batches++)
                {
                    if (!await next)
                    {
                        return;
                    }

                    Observe(commits.Current);
                    next = commits.MoveNextAsync().AsTask();
                }

                if (tick.IsCompleted)
                {
                    Take(_evaluation.Tick(Now));
                    tick = Task.Delay(Second, clock, over.Token);
                }

                if (wake.IsCompleted || lease.IsDue)
                {
                    wake = woken();
                    _isBehind |= await SetRulesAsync(cancellationToken);
                }

                if (_isBehind)
                {
                    await LookAtLastReadingsAsync(cancellationToken);
                }
            }
            while (await SaveAsync(cancellationToken));
        }
        finally
        {
            // What still waits for the next commit holds the enumerator.
            await over.CancelAsync();
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Lets the next server go on at once.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_commits is not null)
        {
            await _commits.DisposeAsync();
        }

        if (_isLost)
        {
            return;
        }

        try
        {
            await SaveAsync(CancellationToken.None);
            await lease.ReleaseAsync(forGood: _evaluation.Rules.Count == 0);
        }
        catch (StoreException)
        {
            // It runs out by itself.
        }
    }

    private void Observe(CommittedReadings commit)
    {
        _position = commit.Position;
        if (commit.Missed != 0)
        {
            _isBehind = true;
            counts.Miss(commit.Missed ?? 0);
        }

        Take(_evaluation.Observe(commit.Readings, Now));
    }

    private async Task CatchUpAsync(string position, CancellationToken cancellationToken)
    {
        var since = await store.ReadCommitsAsync(
            new CommitQuery(position, SensorSelection.All, MostCaughtUp), cancellationToken);
        counts.Miss(since.Missed ?? 0);
        foreach (var batch in since.Batches)
        {
            Take(_evaluation.Observe(batch, Now));
        }
    }

    /// <summary>
    /// Asks the store for each sensor's last reading: what a new rule, or a reading that was missed, says by now. Sensors with commits that
    /// are still to come are left to these: after their last reading the ones before it would count as late.
    /// </summary>
    private async Task LookAtLastReadingsAsync(CancellationToken cancellationToken)
    {
        _isBehind = false;
        var last = await store.ReadAllCurrentAsync(cancellationToken).ToListAsync(cancellationToken);
        var since = await store.ReadCommitsAsync(new CommitQuery(_position, SensorSelection.All, MostCaughtUp), cancellationToken);
        var coming = since.Missed == 0
            ? since.Batches.SelectMany(batch => batch.SensorIds.ToArray()).ToHashSet(StringComparer.Ordinal)
            : [];
        foreach (var batch in last)
        {
            int[] rest = [.. Enumerable.Range(0, batch.Count).Where(row => !coming.Contains(batch.SensorIds[row]))];
            Take(_evaluation.Observe(rest.Length == batch.Count ? batch : batch.Take(rest), Now));
        }

        Take(_evaluation.Tick(Now));
    }

    /// <returns>Whether they are other ones than before.</returns>
    private async Task<bool> SetRulesAsync(CancellationToken cancellationToken)
    {
        var rules = await AlertDocuments.ReadAllRulesAsync(options, store, cancellationToken);
        var text = string.Join('\n', rules.Select(r => OptionsWriter.Rule(r).ToJsonString()));
        if (text == _rules)
        {
            return false;
        }

        _rules = text;
        Take(_evaluation.SetRules(rules, Now));
        return true;
    }

    private async Task TakeUpOutboxAsync(CancellationToken cancellationToken)
    {
        foreach (var messages in (await AlertDocuments.ReadOutboxAsync(store, cancellationToken)).GroupBy(m => m.Receiver))
        {
            _sequence = Math.Max(_sequence, messages.Max(m => m.Sequence));
            // Who is no longer configured is not told.
            Forget(receivers.Outboxes.TryGetValue(messages.Key, out var outbox) ? outbox.Add(messages) : [.. messages]);
        }
    }

    private void Take(IReadOnlyList<AlertChange> changes)
    {
        foreach (var change in changes)
        {
            _sequence = Math.Max(_sequence + 1, Now.Micros);
            var (id, body) = (AlertMessage.NewId(_sequence), AlertMessage.BodyOf(change));
            foreach (var receiver in receivers.All.Where(r => change.Notify?.Contains(r.Name) != false))
            {
                var message = new AlertMessage(receiver.Name, id, Now, change.Alert.Rule, change.Alert.SensorId, body);
                _unsent.Add(message);
                Note(AlertDocuments.Of(message));
            }

            counts.Count(change);
        }
    }

    /// <summary>Writes what has changed, and only then has it told.</summary>
    /// <returns>Whether the right is had still.</returns>
    private async Task<bool> SaveAsync(CancellationToken cancellationToken)
    {
        foreach (var alert in _evaluation.TakeStates())
        {
            Note(AlertDocuments.Of(alert));
        }

        counts.Set(_evaluation);
        if (_unsaved.Count == 0 && !lease.IsDue)
        {
            return true;
        }

        Note(new StoredDocument(AlertDocuments.Position, _position));
        try
        {
            if (!await lease.WriteAsync([.. _unsaved.Select(d => new StoredDocument(d.Key, d.Value))], cancellationToken))
            {
                _isLost = true;
                return false;
            }
        }
        catch (StoreException e) when (e.IsTransient)
        {
            // It is tried again with the next tick.
            counts.Fail(e.Message);
            return true;
        }

        counts.Fail(null);
        _unsaved.Clear();
        foreach (var messages in _unsent.GroupBy(m => m.Receiver))
        {
            Forget(receivers.Outboxes[messages.Key].Add(messages));
        }

        _unsent.Clear();
        return true;
    }

    private void Forget(IEnumerable<AlertMessage> messages)
    {
        foreach (var message in messages)
        {
            Note(new StoredDocument(message.Document, null));
        }
    }

    private void Note(StoredDocument document) => _unsaved[document.Name] = document.Text;
}
