using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Time.Testing;
using Tidemark.DuckDb;
using Tidemark.Store.Tests.Conformance;

namespace Tidemark.Store.Tests.DuckDb;

/// <summary>
/// The process that the crash test kills: it writes one numbered batch after another, with a refresh or a compression
/// now and then, and prints each number once the batch is acknowledged.
/// </summary>
internal static class CrashWriter
{
    public const string Command = "crash-writer";

    public const int BatchSize = 120;

    /// <summary>The sensor that every batch replaces, in a reading that holds the batch's number.</summary>
    public const string Counter = "counter";

    private static readonly Instant Begin = Instant.Utc(2026, 3, 5);

    public static DuckDbOptions Options(string folder) => new()
    {
        Folder = folder,
        Schema = TestSchema.Default,
        ChunkInterval = TimeSpan.FromHours(12),
        CompressAfter = TimeSpan.FromDays(1),
        SharedReadings = 20,
        Clock = new FakeTimeProvider(Instant.Utc(2026, 3, 10).ToDateTimeOffset()),
    };

    public static Process Start(string folder, int first)
    {
        var executable = Path.Combine(AppContext.BaseDirectory, $"Tidemark.Store.Tests{(OperatingSystem.IsWindows() ? ".exe" : "")}");
        return Process.Start(new ProcessStartInfo(executable, [Command, folder, first.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardOutput = true
        })!;
    }

    public static async Task<int> RunAsync(string folder, int first)
    {
        await using var store = await DuckDbStore.OpenAsync(Options(folder), CancellationToken.None);
        await store.InitializeAsync(CancellationToken.None);
        for (var number = first; ; number++)
        {
            await store.WriteAsync(Batch(number), CancellationToken.None);
            Console.WriteLine(number);
            if (number % 5 == 0)
            {
                await store.RefreshAsync(number % 10 == 0 ? "monthly" : "peak_hours", null, null, CancellationToken.None);
            }

            if (number % 7 == 0)
            {
                await store.CompressAsync(null, CancellationToken.None);
            }
        }
    }

    /// <summary>
    /// Readings across two days and all their chunks, and one long before, so that chunks are divided and put together meanwhile: the
    /// batch's number as temperature, the reading's as humidity.
    /// </summary>
    private static ReadingBatch Batch(int number)
    {
        var batch = new ReadingBatch(TestSchema.Default.MetricNames, BatchSize + 1);
        for (var i = 0; i < BatchSize; i++)
        {
            var time = i == 0 ? Begin - TimeSpan.FromDays(1 + (number * 37 % 1000)) : Begin + TimeSpan.FromMinutes(23 * i);
            batch.Add($"s{i % 7}", time + TimeSpan.FromMilliseconds(number), [number, i]);
        }

        batch.Add(Counter, Begin, [number, 0]);
        return batch;
    }
}
