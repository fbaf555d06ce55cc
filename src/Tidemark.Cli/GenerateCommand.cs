using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Tidemark.Generation;

namespace Tidemark.Cli;

/// <summary><c>tidemark generate</c>: readings of simulated sensors up to now and, with <c>--live</c>, on from there.</summary>
internal static class GenerateCommand
{
    private static readonly Option<int> Days = TypedOption.Whole("--days", 30, 1, 36_500, "How many days up to now.");
    private static readonly Option<int> Sensors = TypedOption.Whole("--sensors", 10, 1, 100_000, "How many sensors, sensor_001 and on.");
    private static readonly Option<int> Interval = TypedOption.Whole(
        "--interval",
        60,
        1,
        31 * 86_400,
        "Seconds between two readings of a sensor.");
    private static readonly Option<int> Seed = TypedOption.Whole("--seed", 1, 0, int.MaxValue, "The same seed gives the same readings.");
    private static readonly Option<double> Late = TypedOption.Share("--late", "Share of readings that arrive after newer ones.");
    private static readonly Option<double> Duplicates = TypedOption.Share("--duplicates", "Share of readings that are sent twice.");
    private static readonly Option<double> Gaps = TypedOption.Share("--gaps", "Share of readings that never arrive.");
    private static readonly Option<bool> Live = new("--live") { Description = "Go on in real time after the history, until Ctrl+C." };

    public static Command Create()
    {
        var command = new Command(
            "generate",
            "Write readings of simulated sensors up to now; again extends the series and never doubles it.")
        {
            Days, Sensors, Interval, Seed, Late, Duplicates, Gaps, Live,
        };
        command.SetAction(RunAsync);
        return command;
    }

    /// <summary>
    /// Writes the history that ends at the grid instant at or before now. What lies before the raw horizon is left out,
    /// because a store refuses it.
    /// </summary>
    public static async Task<GenerateReport> WriteHistoryAsync(
        ITelemetryStore store, GeneratorPlan plan, TimeSpan length, IProgress<StoreProgress> progress, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        var generator = new Generator(store.Schema.Configured, plan);
        var step = plan.Interval.Ticks / TimeSpan.TicksPerMicrosecond;
        var to = new Instant(Instant.From(DateTimeOffset.UtcNow).Micros / step * step);
        var from = Instant.Max(to - length, await store.ReadRawHorizonAsync(cancellationToken) ?? Instant.MinValue);

        var expected = Math.Max(1.0, (double)generator.Grid(from, to).Count * plan.Sensors);
        var result = default(WriteResult);
        var (taken, part) = (0L, 0);

        // While one batch is being written the store prepares the next, and the enumerator draws the one after.
        var writes = new Queue<Task<WriteResult>>();
        try
        {
            foreach (var batch in generator.Readings(from, to, ReadingBatch.BulkSize))
            {
                if (writes.Count == 2)
                {
                    result += await writes.Dequeue();
                }

                progress.Report(new StoreProgress($"generate {Readable.Count(taken)} readings", Math.Min(1, taken / expected)));
                batch.ImportId = string.Create(
                    CultureInfo.InvariantCulture,
                    $"generate {plan.Seed} {plan.Sensors} {plan.Interval.TotalSeconds} {plan.Late:G9} {plan.Duplicates:G9} "
                        + $"{plan.Gaps:G9} {from} {to}/{++part}");
                writes.Enqueue(store.WriteAsync(batch, cancellationToken));
                taken += batch.Count;
            }

            foreach (var written in await Task.WhenAll(writes))
            {
                result += written;
            }
        }
        finally
        {
            // The store is closed only when nothing of this is under way.
            await ((Task)Task.WhenAll(writes)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return new GenerateReport(plan.Sensors, from, to, result, (long)watch.Elapsed.TotalMilliseconds);
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var plan = new GeneratorPlan
        {
            Sensors = arguments.GetValue(Sensors),
            Interval = TimeSpan.FromSeconds(arguments.GetValue(Interval)),
            Seed = (ulong)arguments.GetValue(Seed),
            Late = arguments.GetValue(Late),
            Duplicates = arguments.GetValue(Duplicates),
            Gaps = arguments.GetValue(Gaps),
        };
        var length = TimeSpan.FromDays(arguments.GetValue(Days));
        var loaded = await StoreOptions.LoadAsync(arguments, cancellationToken);
        await using var store = await StoreOpener.CreateAsync(loaded, cancellationToken);
        var report = await Terminal.ProgressAsync(
            "generate",
            progress => WriteHistoryAsync(store, plan, length, progress, cancellationToken));
        if (arguments.GetValue(GlobalOptions.Json))
        {
            Terminal.Json(new
            {
                report.Sensors,
                report.From,
                report.To,
                report.Result.Written,
                report.Result.Replaced,
                report.Result.Unchanged,
                report.Result.AppendOnly,
                report.Result.Refused,
                report.ElapsedMs,
            });
        }
        else
        {
            Terminal.Line(report.ToString());
        }

        if (report.Result is { Refused: > 0, Written: 0, Replaced: 0, Unchanged: 0 })
        {
            return ExitCode.Failure;
        }

        if (arguments.GetValue(Live))
        {
            await GoOnAsync(store, plan, report.To + plan.Interval, cancellationToken);
        }

        return ExitCode.Success;
    }

    /// <summary>Ctrl+C is how this ends, so it is no failure.</summary>
    private static async Task GoOnAsync(ITelemetryStore store, GeneratorPlan plan, Instant from, CancellationToken cancellationToken)
    {
        Terminal.Note($"live: {Readable.Count(plan.Sensors, "reading")} every {plan.Interval.TotalSeconds} s; Ctrl+C ends");
        var result = default(WriteResult);
        try
        {
            var generator = new Generator(store.Schema.Configured, plan);
            await foreach (var batch in generator.LiveAsync(from, TimeProvider.System, cancellationToken))
            {
                result += await store.WriteAsync(batch, cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            Terminal.Note($"live: {Readable.Written(result)}{Readable.Refused(result)}");
        }
    }
}

/// <param name="Sensors">How many.</param>
/// <param name="From">The first instant.</param>
/// <param name="To">The last one.</param>
/// <param name="Result">What became of the readings.</param>
/// <param name="ElapsedMs">How long it took.</param>
internal sealed record GenerateReport(int Sensors, Instant From, Instant To, WriteResult Result, long ElapsedMs)
{
    public override string ToString()
        => $"generate: {Readable.Count(Sensors, "sensor")}, {From} to {To}: {Readable.Written(Result)}{Readable.Refused(Result)} in "
            + $"{Readable.Elapsed(TimeSpan.FromMilliseconds(ElapsedMs))}";
}
