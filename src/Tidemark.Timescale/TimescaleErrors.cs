using System.Net.Sockets;
using Npgsql;

namespace Tidemark.Timescale;

/// <summary>The one place where the driver's exceptions become the domain's.</summary>
internal static class TimescaleErrors
{
    public static Exception Translate(Exception exception, string location, CancellationToken cancellationToken) => exception switch
    {
        StoreException => exception,
        _ when cancellationToken.IsCancellationRequested => new OperationCanceledException(exception.Message, exception, cancellationToken),
        PostgresException postgres => Translate(postgres, location),
        NpgsqlException { InnerException: TimeoutException } => new StoreException(
            StoreErrorKind.Unavailable, $"{location} did not answer in time: check that it is up and not overloaded", exception),
        NpgsqlException or SocketException or IOException or TimeoutException or ObjectDisposedException => new StoreException(
            StoreErrorKind.Unavailable, $"{location} can't be reached: check that the server is up, its host and port "
                + $"({OneLine((exception.InnerException ?? exception).Message)})", exception),
        _ => exception,
    };

    /// <summary>Whether the same work, done again at once, may succeed: it lost a race, and nothing of it is there.</summary>
    public static bool IsConflict(Exception exception) => exception is PostgresException
    {
        SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.LockNotAvailable
    };

    /// <summary>
    /// Whether the server lacks a table, column or function: a standby, as long as it hasn't replayed that they were made.
    /// </summary>
    public static bool IsLacking(Exception exception) => exception is PostgresException
    {
        SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes
            .UndefinedFunction or PostgresErrorCodes.InvalidSchemaName
    };

    /// <summary>Whether the connection was lost, as every pooled one is after the server's restart.</summary>
    public static bool IsLostConnection(Exception exception) => exception switch
    {
        PostgresException postgres => postgres.SqlState is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown,
        NpgsqlException { InnerException: IOException or SocketException or EndOfStreamException } => true,
        NpgsqlException { InnerException: null } => false,
        _ => exception is IOException or SocketException,
    };

    private static StoreException Translate(PostgresException e, string location)
    {
        var (kind, message) = e.SqlState switch
        {
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification
                => (StoreErrorKind.NotWritable, $"{location} refuses the login: check user and password, for instance PGUSER and "
                    + $"PGPASSWORD or the pass file ({OneLine(e.MessageText)})"),
            PostgresErrorCodes.InvalidCatalogName
                => (StoreErrorKind.NotAStore, $"{location} has no such database: create it, or name another in the store's URI "
                    + $"({OneLine(e.MessageText)})"),
            PostgresErrorCodes.InsufficientPrivilege
                => (StoreErrorKind.NotWritable, $"the user of {location} lacks a right: grant it, or log in as the owner of the database "
                    + $"({OneLine(e.MessageText)})"),
            PostgresErrorCodes.ReadOnlySqlTransaction
                => (StoreErrorKind.NotWritable, $"{location} is read-only, a standby perhaps: name the primary, or all hosts, in the "
                    + "store's URI"),
            PostgresErrorCodes.DiskFull
                => (StoreErrorKind.NotWritable, DiskFull(location)),

            // What a new session writes first, and reports without a code of its own.
            PostgresErrorCodes.InternalError when e.MessageText.Contains("could not write init file", StringComparison.Ordinal)
                => (StoreErrorKind.NotWritable, DiskFull(location)),
            PostgresErrorCodes.FeatureNotSupported when e.MessageText.Contains("license", StringComparison.Ordinal)
                => (StoreErrorKind.NotAStore, ApacheEdition(location)),
            PostgresErrorCodes.TooManyConnections
                => (StoreErrorKind.Unavailable, $"{location} has no connection left: raise max_connections, or lower 'Maximum Pool Size'"),
            PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure
                => (StoreErrorKind.Unavailable, $"{location} is busy with the same aggregate or rows: try again "
                    + $"({OneLine(e.MessageText)})"),
            PostgresErrorCodes.UndefinedTable
                => (StoreErrorKind.Invalid, $"{location} lacks a table of Tidemark's: run 'tidemark init' ({OneLine(e.MessageText)})"),
            PostgresErrorCodes.OutOfMemory
                => (StoreErrorKind.Unavailable, $"{location} is out of memory or locks: raise max_locks_per_transaction, or ask for less "
                    + $"at once ({OneLine(e.MessageText)})"),
            _ => (StoreErrorKind.Unavailable, $"{location} failed: {OneLine(e.MessageText)} ({e.SqlState})"),
        };
        return new StoreException(kind, message, e);
    }

    private static string DiskFull(string location)
        => $"the disk of {location} is full: free some space and try again; what was acknowledged is kept";

    public static string ApacheEdition(string location)
        => $"{location} runs the Apache edition of TimescaleDB, which has no continuous aggregates: use the community edition, image "
            + "timescale/timescaledb:…-pg17, not …-oss";

    private static string OneLine(string text) => text.Split('\n', 2)[0].Trim();
}
