namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 13: documents.</summary>
internal sealed partial class ReferenceStore
{
    public Task<IReadOnlyList<StoredDocument>> ReadDocumentsAsync(
        string prefix, string after, int limit, CancellationToken cancellationToken)
        => Locked<IReadOnlyList<StoredDocument>>(
            () => [.. state.Documents
                .Where(d => d.Key.StartsWith(prefix, StringComparison.Ordinal) && SensorId.Order.Compare(d.Key, after) > 0)
                .OrderBy(d => d.Key, SensorId.Order).Take(limit).Select(d => new StoredDocument(d.Key, d.Value))],
            cancellationToken);

    public Task<bool> WriteDocumentsAsync(
        IReadOnlyList<StoredDocument> documents, StoredDocument? expected, CancellationToken cancellationToken) => Locked(
        () =>
        {
            if (expected is not null && state.Documents.GetValueOrDefault(expected.Name) != expected.Text)
            {
                return false;
            }

            foreach (var (name, text) in documents)
            {
                state.Documents.Remove(name);
                if (text is not null)
                {
                    state.Documents[name] = text;
                }
            }

            return true;
        },
        cancellationToken);
}
