using System.Text.Json;
using Tidemark.Server.Wire;

namespace Tidemark.Server.Alerts;

/// <summary>
/// The right to evaluate a store's rules: of several servers one has it, for a time that each write prolongs. What is written with it is
/// written only if no other has taken it meanwhile.
/// </summary>
/// <param name="store">The store.</param>
/// <param name="isAlone">Whether no other process can have the store open: what an earlier one left is void.</param>
/// <param name="clock">Should tell about the same on all servers.</param>
internal sealed class AlertLease(ITelemetryStore store, bool isAlone, TimeProvider clock)
{
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(10);

    private readonly string _holder = Guid.NewGuid().ToString("N");
    private Instant _until;
    private string? _text;

    private sealed record Term(string Holder, Instant Until);

    /// <summary>Whether it should be prolonged, though nothing else is to be written.</summary>
    public bool IsDue => Now >= _until - Length + Renewal;

    private Instant Now => Instant.From(clock.GetUtcNow());

    /// <returns>Whether it is had now.</returns>
    public async Task<bool> TakeAsync(CancellationToken cancellationToken)
    {
        _text = await AlertDocuments.ReadTextAsync(store, AlertDocuments.Lease, cancellationToken);
        var stored = _text is null ? null : JsonSerializer.Deserialize<Term>(_text, WireJson.Options)!;
        return (isAlone || stored is null || stored.Holder == _holder || Now >= stored.Until) && await WriteAsync([], cancellationToken);
    }

    /// <summary>Writes documents and prolongs it.</summary>
    /// <returns>Whether it was had still.</returns>
    public async Task<bool> WriteAsync(IReadOnlyList<StoredDocument> documents, CancellationToken cancellationToken)
    {
        var until = Now + Length;
        var text = JsonSerializer.Serialize(new Term(_holder, until), WireJson.Options);
        var written = await store.WriteDocumentsAsync([.. documents, Document(text)], Document(_text), cancellationToken);
        if (written)
        {
            (_until, _text) = (until, text);
        }

        return written;
    }

    /// <summary>Lets the next server have it at once.</summary>
    /// <param name="forGood">Whether there is nothing to go on with.</param>
    public Task ReleaseAsync(bool forGood)
    {
        StoredDocument[] position = forGood ? [new(AlertDocuments.Position, null)] : [];
        return store.WriteDocumentsAsync([Document(null), .. position], Document(_text), CancellationToken.None);
    }

    private static StoredDocument Document(string? text) => new(AlertDocuments.Lease, text);
}
