using System.CommandLine;

namespace Tidemark.Cli;

/// <summary><c>tidemark status</c>: what the store holds and how it is kept.</summary>
internal static class StatusCommand
{
    /// <summary>More chunks than these are summed up by whether they are compressed.</summary>
    private const int ChunksListed = 12;

    public static Command Create()
    {
        var command = new Command("status", "Show what the store holds: readings, chunks, aggregates, sizes and jobs.");
        command.SetAction(async (arguments, cancellationToken) =>
        {
            await using var store = await StoreOpener.OpenAsync(arguments, cancellationToken);
            var status = await store.ReadStatusAsync(cancellationToken);
            var firing = status.Alerts is null ? await AlertCommand.ReadFiringAsync(store, cancellationToken) : [];
            if (arguments.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(status);
            }
            else
            {
                Print(status);
                if (firing.Count > 0)
                {
                    Terminal.Line("");
                    AlertCommand.Show(firing);
                }
            }

            return ExitCode.Success;
        });
        return command;
    }

    private static void Print(StoreStatus status)
    {
        Terminal.Line($"{status.Engine}, {status.Location}");
        Terminal.Line($"{Readable.Count(status.Sensors, "sensor")}, {Readable.Bytes(status.TotalBytes)} on disk of which "
            + $"{Readable.Bytes(status.FreeBytes)} free, raw horizon {Readable.Time(status.RawHorizon)}");
        if (status.AppendOnly)
        {
            Terminal.Line("append-only: readings have no key, one that is sent again is stored again");
        }

        foreach (var table in status.Hypertables)
        {
            var saved = table.CompressedChunks == 0
                ? ""
                : $": {Readable.Bytes(table.BytesBeforeCompression)} before and {Readable.Bytes(table.BytesAfterCompression)} after";
            Terminal.Line($"{table.Name}: {Readable.Count(table.Rows, "reading")} in {Readable.Count(table.Chunks, "chunk")}, "
                + $"{Readable.Count(table.CompressedChunks)} compressed{saved}");
        }

        Terminal.Line("");
        Terminal.Table(
            ["Aggregate", "Bucket", "Source", "Rows", "Watermark", "Pending", "Last refresh"],
            status.Aggregates.Select(a => (string[])[
                a.Name, a.Bucket, a.Source, Readable.Count(a.Rows), Watermark(a), Readable.Count(a.PendingInvalidations),
                Readable.Moment(a.LastRefresh)]));
        if (status.Chunks.Count > 0)
        {
            Terminal.Line("");
            Terminal.Table(["Chunks", "From", "To", "Readings", "Size", "Compressed"], Chunks(status.Chunks));
        }

        if (status.Jobs.Count > 0)
        {
            Terminal.Line("");
            Terminal.Table(
                ["Job", "Schedule", "Last run", "Outcome", "Failures", "Next run"],
                status.Jobs.Select(j => (string[])[
                    j.Name, j.Schedule, Readable.Moment(j.LastRun), Outcome(j), Readable.Count(j.Failures), Readable.Moment(j.NextRun)]));
        }

        if (status.Mqtt is { } mqtt)
        {
            PrintMqtt(mqtt);
        }

        if (status.Alerts is { } alerts)
        {
            PrintAlerts(alerts);
        }
    }

    private static void PrintAlerts(AlertStatus alerts)
    {
        Terminal.Line("");
        Terminal.Line($"Alerts: {Readable.Count(alerts.Rules, "rule")}, {Readable.Count(alerts.Firing)} firing, "
            + $"{Readable.Count(alerts.Pending)} pending; since the server's start {Readable.Count(alerts.Fired)} fired, "
            + $"{Readable.Count(alerts.Resolved)} resolved, {Readable.Count(alerts.Late, "late reading")}, "
            + $"{Readable.Count(alerts.Missed)} missed");
        if (!alerts.Evaluating)
        {
            Terminal.Line(alerts.Error is null ? "another server evaluates the rules" : $"nothing is evaluated now: {alerts.Error}");
        }

        if (alerts.NotEvaluated > 0)
        {
            Terminal.Line($"{Readable.Count(alerts.NotEvaluated)} pairs of a rule and a sensor are not evaluated: raise "
                + "alerts:max_instances");
        }

        foreach (var receiver in alerts.Receivers)
        {
            Terminal.Line($"{receiver.Name} ({receiver.Address}): {Readable.Count(receiver.Delivered)} delivered, "
                + $"{Readable.Count(receiver.Waiting)} waiting, {Readable.Count(receiver.GivenUp)} given up, "
                + $"{Readable.Count(receiver.Dropped)} dropped{(receiver.Error is null ? "" : $"; last error: {receiver.Error}")}");
        }

        if (alerts.Alerts.Count > 0)
        {
            Terminal.Line("");
            AlertCommand.Show(alerts.Alerts);
        }
    }

    private static void PrintMqtt(MqttStatus mqtt)
    {
        Terminal.Line("");
        var refused = mqtt.Refused.Count == 0
            ? "none refused"
            : $"refused: {string.Join(", ", mqtt.Refused.Select(r => $"{Readable.Count(r.Value)} {r.Key}"))}";
        Terminal.Line($"MQTT: {Readable.Count(mqtt.Messages, "message")} since the server's start, "
            + $"{Readable.Count(mqtt.Readings, "reading")}, {Readable.Count(mqtt.Waiting)} waiting, "
            + $"{Readable.Count(mqtt.Retained)} retained passed over, {refused}");
        if (mqtt.StoreError is { } error)
        {
            Terminal.Line($"nothing is acknowledged now: {error}");
        }

        if (mqtt.Listening.Count > 0)
        {
            Terminal.Line($"broker on {string.Join(", ", mqtt.Listening)}, {Readable.Count(mqtt.Clients, "client")}");
        }

        foreach (var broker in mqtt.Brokers)
        {
            Terminal.Line($"{broker.Address} {(broker.Connected ? "connected" : "not connected")} since {Readable.Moment(broker.Since)}"
                + (broker.Error is null ? "" : $": {broker.Error}"));
        }

        if (mqtt.LastRefused.Count > 0)
        {
            Terminal.Line("");
            Terminal.Table(
                ["Last refused", "Topic", "Reason", "Error"],
                mqtt.LastRefused.Select(m => (string[])[Readable.Moment(m.Time), m.Topic, m.Reason, m.Error]));
        }
    }

    private static string Watermark(AggregateStatus aggregate)
        => aggregate.AheadOfClock ? $"{Readable.Time(aggregate.Watermark)}, ahead of the clock" : Readable.Time(aggregate.Watermark);

    /// <summary>This process may not be the server, so it can't tell whether one stands in already.</summary>
    private static string Outcome(JobStatus job)
        => job.Overdue ? $"{job.LastOutcome}; overdue: where tidemark serve runs, it does this work" : job.LastOutcome ?? "";

    private static IEnumerable<string[]> Chunks(IReadOnlyList<ChunkStatus> chunks) => chunks.Count <= ChunksListed
        ? chunks.Select(c => Row(c.Name, [c]))
        : chunks.GroupBy(c => c.Compressed).OrderByDescending(g => g.Key).Select(g => Row(Readable.Count(g.Count()), [.. g]));

    private static string[] Row(string name, IReadOnlyList<ChunkStatus> chunks) =>
    [
        name,
        chunks.Min(c => c.Range.From).ToString(),
        chunks.Max(c => c.Range.To).ToString(),
        Readable.Count(chunks.Sum(c => c.Rows)),
        Readable.Bytes(chunks.Sum(c => c.Bytes)),
        chunks[0].Compressed ? "yes" : "no",
    ];
}
