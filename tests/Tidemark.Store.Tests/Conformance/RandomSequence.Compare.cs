using System.Globalization;

namespace Tidemark.Store.Tests.Conformance;

/// <remarks>What the engine and the reference are asked.</remarks>
internal sealed partial class RandomSequence
{
    /// <summary>After each step every kind of read, of an aggregate and a sensor drawn anew; at the end of them all.</summary>
    private async Task CompareAsync(bool everything)
    {
        var (range, sensors, aggregates) = (RandomRange(), await _expected.SensorsAsync(_token), _settings.Schema.Aggregates);
        var sensor = sensors.Count == 0 ? "nobody" : Pick([.. sensors]).SensorId;
        await BothAsync(async store => string.Join("; ", await store.SensorsAsync(_token)));
        await BothAsync(store => store.ReadRawHorizonAsync(_token));
        await BothAsync(async store => string.Join("; ", await store.ListMetricsAsync(_token)));
        await BothAsync(async store => string.Join(' ', (await store.ReadCurrentAsync(sensor, _token)).Metrics));
        await BothAsync(async store => Text([await store.CurrentAsync(sensor, _token)]));
        await BothAsync(async store => Text(await store.RawAsync(sensor, everything ? TimeRange.All : range, _token)));
        await BothAsync(async store => Text(
            await store.RawAsync(sensor, new TimeRange(Now - TimeSpan.FromDays(2), Instant.MaxValue), _token)));
        if (everything || Chance(0.2))
        {
            await CompareStatusAsync(compressed: false);
        }

        foreach (var aggregate in everything ? aggregates : [Pick([.. aggregates])])
        {
            await CompareAsync(aggregate, new AggregateQuery(aggregate.Name, null, TimeRange.All) { Partials = Chance(0.3) });
            await CompareAsync(aggregate, new AggregateQuery(aggregate.Name, sensor, range, FromRaw: !everything && Chance(0.2))
            {
                Metrics = Chance(0.2) ? [.. Names.Where(_ => Chance(0.4)).DefaultIfEmpty(Names[0])] : null,
                Partials = Chance(0.3),
            });
            if (everything || Chance(0.3))
            {
                await CompareAsync(aggregate, new AggregateQuery(aggregate.Name, null, range, FromRaw: true));
                var metric = Pick([.. Metrics]).Name;
                await CompareFleetAsync(new FleetQuery(aggregate.Name, metric, Chance(0.5) ? TimeRange.All : range, Chance(0.3)));
            }
        }

        if (everything)
        {
            await BothAsync(async store => Text(
                (await store.RawAsync(null, TimeRange.All, _token)).OrderBy(r => r.Time).ThenBy(r => r.SensorId, StringComparer.Ordinal)));
            await BothAsync(async store => Text(await store.VerifyAsync(null, null, _token)));
        }
    }

    private async Task CompareAsync(AggregateDefinition aggregate, AggregateQuery query)
    {
        var (expected, expectedError) = await TryAsync(() => _expected.AnswerAsync(query, _token));
        var (actual, actualError) = await TryAsync(() => _actual.AnswerAsync(query, _token));
        Answers++;
        Assert.Equal(expectedError, actualError);
        if (expected is null || actual is null)
        {
            return;
        }

        if (Comparison.Difference(expected, actual) is { } difference)
        {
            Assert.Fail($"{query}: {difference}");
        }

        Assert.True(
            (expected.Watermark, expected.Pending, expected.Horizon) == (actual.Watermark, actual.Pending, actual.Horizon),
            $"{query}: {expected} but {actual}");
        Assert.True(
            query.SensorId is null || actual.Rows.Zip(actual.Rows.Skip(1)).All(pair => pair.First.Bucket < pair.Second.Bucket),
            $"{query}: not ascending");
    }

    private async Task CompareFleetAsync(FleetQuery query)
    {
        var (expected, actual) = (await _expected.FleetAsync(query, _token), await _actual.FleetAsync(query, _token));
        Answers++;
        Assert.True(
            expected.Count == actual.Count
                && expected.Zip(actual).All(p => p.First.Bucket == p.Second.Bucket && p.First.ReadingCount == p.Second.ReadingCount
                    && Comparison.IsClose(p.First.Average ?? double.NaN, p.Second.Average ?? double.NaN)),
            $"{query}: {string.Join("; ", expected)} but {string.Join("; ", actual)}");
    }

    /// <summary>The same aggregates, the same readings in chunks of whole intervals, compressed only where the reference's are.</summary>
    /// <param name="compressed">And everywhere where they are.</param>
    private async Task CompareStatusAsync(bool compressed)
    {
        Answers++;
        var (expected, actual) = (await _expected.ReadStatusAsync(_token), await _actual.ReadStatusAsync(_token));
        Assert.Equal(Text(expected), Text(actual));
        if (!_fixture.SharesChunks)
        {
            Assert.Equal(Chunks(expected), Chunks(actual));
            return;
        }

        Assert.All(actual.Chunks.Zip(actual.Chunks.Skip(1)), pair => Assert.True(pair.First.Range.To <= pair.Second.Range.From));
        Assert.Equal(expected.Chunks.Sum(c => c.Rows), actual.Chunks.Sum(c => c.Rows));
        foreach (var chunk in actual.Chunks)
        {
            var intervals = expected.Chunks.Where(c => c.Range.Intersect(chunk.Range) == c.Range).ToList();
            Assert.Equal(intervals.Sum(c => c.Rows), chunk.Rows);
            Assert.True(
                chunk.Compressed ? intervals.All(c => c.Compressed) : !compressed || !intervals.Any(c => c.Compressed),
                $"{chunk}, but {string.Join("; ", intervals)}");
        }
    }

    /// <summary>Both give the same result, or fail with the same error.</summary>
    private async Task BothAsync<T>(Func<ITelemetryStore, Task<T>> call)
    {
        Answers++;
        Assert.Equal(await TryAsync(() => call(_expected)), await TryAsync(() => call(_actual)));
    }

    private static async Task<(T? Result, StoreErrorKind? Error)> TryAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return (await call(), null);
        }
        catch (StoreException e)
        {
            return (default, e.Kind);
        }
    }

    private static string Text(WriteResult result)
        => $"{result.Written} {result.Replaced} {result.Unchanged} {result.Refused} "
            + string.Join(' ', (result.Refusals ?? []).Select(r => r.Row));

    private static string Text(VerifyReport report)
        => $"{report.BucketsChecked} {report.BucketsPending} {string.Join("; ", report.Differences)}";

    private static string Text(StoreStatus status)
        => string.Join("; ", status.Aggregates.Select(a => $"{a.Name} {a.Rows} {a.Watermark} {a.PendingInvalidations}"));

    private static IEnumerable<(TimeRange, long, bool)> Chunks(StoreStatus status)
        => status.Chunks.Select(c => (c.Range, c.Rows, c.Compressed));

    private static string Text(IEnumerable<Reading> readings)
        => string.Join(" ", readings.Select(r => $"{r.SensorId}@{r.Time}={string.Join(';', r.Values.Select(Text))}"));

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
