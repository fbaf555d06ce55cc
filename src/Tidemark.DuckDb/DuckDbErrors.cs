using DuckDB.NET.Data;
using DuckDB.NET.Native;

namespace Tidemark.DuckDb;

/// <summary>The one place where the driver's exceptions become the domain's.</summary>
internal static class DuckDbErrors
{
    public static Exception Translate(Exception exception, string folder, CancellationToken cancellationToken) => exception switch
    {
        _ when cancellationToken.IsCancellationRequested => new OperationCanceledException(cancellationToken),
        DuckDBException { ErrorType: DuckDBErrorType.Interrupt } => new OperationCanceledException(exception.Message, exception),
        DuckDBException duckDb => Translate(duckDb, folder),
        UnauthorizedAccessException or IOException => new StoreException(
            StoreErrorKind.NotWritable,
            $"{folder} can't be written: {OneLine(exception.Message)}",
            exception),
        _ => exception,
    };

    public static StoreException NotAStore(string folder, Exception? inner)
        => new(
            StoreErrorKind.NotAStore,
            $"{folder}/{DuckDbStore.FileName} is damaged or not a DuckDB database: restore it from a backup or name another folder",
            inner);

    private static StoreException Translate(DuckDBException exception, string folder)
    {
        var text = exception.Message;
        return text switch
        {
            _ when Has("Conflicting lock") || Has("Could not set lock")
                => new(StoreErrorKind.InUse, $"the store in {folder} is open in another process{Holder(text)}: stop it, or go through its "
                    + "server with --store http://HOST:PORT", exception),
            _ when Has("No space left") || Has("not enough disk space") || Has("Disk quota")
                => new(
                    StoreErrorKind.NotWritable,
                    $"the disk of {folder} is full: free some space and try again; what was acknowledged is kept",
                    exception),
            _ when Has("Read-only file system") || Has("Permission denied") || Has("read-only mode") || Has("Cannot open file")
                => new(
                    StoreErrorKind.NotWritable,
                    $"{folder} can't be written: check its owner and permissions, and that its file system isn't read-only",
                    exception),
            _ when Has("not a valid DuckDB database") || Has("Corrupt") || Has("corrupt") || Has("checksum")
                || Has("Could not read enough bytes") || exception.ErrorType is DuckDBErrorType.Serialization
                => NotAStore(folder, exception),
            _ when exception.ErrorType is DuckDBErrorType.Fatal || Has("has been invalidated")
                => new(
                    StoreErrorKind.Unavailable,
                    $"the store in {folder} stopped after a fault of its disk: restart the process ({OneLine(text)})",
                    exception),
            _ when exception.ErrorType is DuckDBErrorType.OutOfMemory
                => new(
                    StoreErrorKind.Unavailable,
                    $"the store in {folder} is out of memory: ask for less at once ({OneLine(text)})",
                    exception),
            _ => new(StoreErrorKind.Unavailable, $"the store in {folder} failed: {OneLine(text)}", exception),
        };

        bool Has(string part) => text.Contains(part, StringComparison.Ordinal);
    }

    private static string Holder(string text)
    {
        var start = text.IndexOf("(PID ", StringComparison.Ordinal);
        var end = start < 0 ? -1 : text.IndexOf(')', start);
        return end < 0 ? "" : $" (process {text[(start + 5)..end]})";
    }

    private static string OneLine(string text) => text.Split('\n', 2)[0].Trim();
}
