using System.CommandLine;

namespace Tidemark.Cli;

/// <summary><c>tidemark maintain</c>: drops what is older than retention and compresses what is old enough, once.</summary>
internal static class MaintainCommand
{
    public static Command Create()
    {
        var command = new Command(
            "maintain",
            "Apply retention and compression once, as the server's schedule would; retention refreshes first.");
        command.SetScheduledAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
        var json = arguments.GetValue(GlobalOptions.Json);

        // Retention comes first: a chunk that is dropped needs no compression.
        var retained = await Terminal.ProgressAsync("retain", _ => store.RetainAsync(cancellationToken));
        if (!json)
        {
            Terminal.Line($"retain: dropped {Readable.Count(retained.ChunksDropped, "chunk")} with "
                + $"{Readable.Count(retained.ReadingsDropped, "reading")} and {Readable.Count(retained.BucketsDropped, "aggregate row")}, "
                + $"raw horizon {Readable.Time(retained.RawHorizon)}");
        }

        var compressed = await Terminal.ProgressAsync("compress", progress => store.CompressAsync(progress, cancellationToken));
        if (json)
        {
            Terminal.Json(new { Retain = retained, Compress = compressed });
        }
        else
        {
            Terminal.Line($"compress: {Readable.Count(compressed.Chunks, "chunk")}, {Readable.Bytes(compressed.BytesBefore)} before and "
                + $"{Readable.Bytes(compressed.BytesAfter)} after");
        }

        return ExitCode.Success;
    }
}
