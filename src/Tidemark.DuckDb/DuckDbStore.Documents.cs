namespace Tidemark.DuckDb;

public sealed partial class DuckDbStore
{
    public Task<IReadOnlyList<StoredDocument>> ReadDocumentsAsync(
        string prefix, string after, int limit, CancellationToken cancellationToken)
        => ReadThread<IReadOnlyList<StoredDocument>>(
            (session, _) =>
            {
                var documents = new List<StoredDocument>();
                using var rows = session.Query(
                    $"SELECT name, text FROM internal.documents WHERE starts_with(name, $1) AND name > $2 ORDER BY name LIMIT {limit}",
                    streaming: false,
                    prefix,
                    after);
                while (rows.Read())
                {
                    documents.Add(new StoredDocument(rows.GetString(0), rows.GetString(1)));
                }

                return documents;
            },
            cancellationToken);

    public Task<bool> WriteDocumentsAsync(
        IReadOnlyList<StoredDocument> documents, StoredDocument? expected, CancellationToken cancellationToken) => WriteThread(
        () =>
        {
            RequireInitialized();
            var written = Transaction(state =>
            {
                if (expected is not null
                    && (string?)_session.Scalar("SELECT text FROM internal.documents WHERE name = $1", expected.Name) != expected.Text)
                {
                    return (state, false);
                }

                List<StoredDocument> last = [.. documents.Reverse().DistinctBy(d => d.Name)];
                _session.Execute(
                    "DELETE FROM internal.documents WHERE name IN (SELECT unnest($1))",
                    last.Select(d => d.Name).ToList());
                List<StoredDocument> kept = [.. last.Where(d => d.Text is not null)];
                if (kept.Count > 0)
                {
                    _session.Execute(
                        "INSERT INTO internal.documents SELECT unnest($1), unnest($2)",
                        kept.Select(d => d.Name).ToList(),
                        kept.Select(d => d.Text!).ToList());
                }

                return (state, true);
            });
            Checkpoint(always: false);
            return written;
        },
        cancellationToken);
}
