using Npgsql;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    public Task<IReadOnlyList<StoredDocument>> ReadDocumentsAsync(
        string prefix, string after, int limit, CancellationToken cancellationToken)
    {
        RequireInitialized();
        return _database.RunAsync<IReadOnlyList<StoredDocument>>(
            async connection =>
            {
                await using var command = new NpgsqlCommand(
                    "SELECT name, text FROM tidemark.documents WHERE starts_with(name, $1) AND name > $2 ORDER BY name LIMIT $3",
                    connection)
                {
                    Parameters = { new() { Value = prefix }, new() { Value = after }, new() { Value = limit } },
                };
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                var documents = new List<StoredDocument>();
                while (await reader.ReadAsync(cancellationToken))
                {
                    documents.Add(new StoredDocument(reader.GetString(0), reader.GetString(1)));
                }

                return documents;
            },
            cancellationToken);
    }

    public Task<bool> WriteDocumentsAsync(
        IReadOnlyList<StoredDocument> documents, StoredDocument? expected, CancellationToken cancellationToken)
    {
        RequireInitialized();

        // In one order, so that two processes never wait for each other.
        var last = documents.Reverse().DistinctBy(d => d.Name).OrderBy(d => d.Name, StringComparer.Ordinal).ToList();
        var kept = last.Where(d => d.Text is not null).ToList();
        return _database.RunAsync(
            async connection =>
            {
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
                if (expected is not null && !await HoldAsync(connection, expected, cancellationToken))
                {
                    return false;
                }

                await ExecuteAsync(
                    connection,
                    "DELETE FROM tidemark.documents WHERE name = ANY ($1)",
                    cancellationToken,
                    [last.Except(kept).Select(d => d.Name).ToArray()]);
                await ExecuteAsync(
                    connection,
                    """
                    INSERT INTO tidemark.documents SELECT * FROM unnest($1, $2)
                    ON CONFLICT (name) DO UPDATE SET text = excluded.text
                    """,
                    cancellationToken,
                    kept.Select(d => d.Name).ToArray(),
                    kept.Select(d => d.Text!).ToArray());
                await transaction.CommitAsync(cancellationToken);
                return true;
            },
            cancellationToken);
    }

    /// <summary>Whether a document is as expected, until the transaction's end.</summary>
    private static async Task<bool> HoldAsync(NpgsqlConnection connection, StoredDocument expected, CancellationToken cancellationToken)
    {
        // Whoever expects that it isn't there would find no row to lock.
        await ExecuteAsync(
            connection, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", cancellationToken, $"tidemark document {expected.Name}");
        var text = await ScalarAsync(
            connection, "SELECT text FROM tidemark.documents WHERE name = $1 FOR UPDATE", cancellationToken, expected.Name);
        return (string?)text == expected.Text;
    }
}
