using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using Tidemark.Configuration;
using Tidemark.Store.Tests.Conformance;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>A server whose disk is full refuses what needs room in one line, keeps what it has, and goes on once there is room.</summary>
public sealed class FullDiskTests
{
    private const string Line = "is full: free some space and try again; what was acknowledged is kept";
    private static readonly Instant First = Instant.Utc(2026, 11, 1);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Writes_are_refused_whole_and_go_on_when_there_is_room()
    {
        await using var database = await SmallTablespace.CreateAsync();
        await using var served = await StartAsync(database);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(served, 0, 100)).Status);
        await database.FillAsync();

        var (status, problem) = await PostAsync(served, 100, 20_000);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        var error = problem["error"]!.GetValue<string>();
        Assert.StartsWith("the disk of postgresql://", error, StringComparison.Ordinal);
        Assert.EndsWith(Line, error, StringComparison.Ordinal);

        database.MakeRoom();
        Assert.Equal(100, (await served.Store.RawAsync("a", TimeRange.All, Token)).Count);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(served, 100, 20_000)).Status);
        Assert.Equal(20_100, (await served.Store.RawAsync("a", TimeRange.All, Token)).Count);
    }

    [Fact]
    public async Task A_refresh_fails_whole_and_goes_on_when_there_is_room()
    {
        await using var database = await SmallTablespace.CreateAsync();
        await using var served = await StartAsync(database);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(served, 0, 50_000)).Status);
        await database.FillAsync();

        using var answer = await served.Client
            .PostAsync("/api/admin/refresh", new StringContent("""{"aggregate":"hourly"}""", Encoding.UTF8, "application/json"), Token);
        Assert.Contains(Line, await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);

        database.MakeRoom();
        var hours = await served.Store.AnswerAsync("hourly", Token);
        Assert.Equal((null, 50_000), (hours.Watermark, hours.Rows.Sum(r => r.ReadingCount)));
        await served.Store.RefreshAsync("daily", null, null, Token);
        hours = await served.Store.AnswerAsync("hourly", Token);
        Assert.Equal((true, 50_000), (hours.Watermark > First, hours.Rows.Sum(r => r.ReadingCount)));
        Assert.Equal((0, 0), await DifferencesAsync(served.Store));
    }

    private static async Task<(long Differ, long Pending)> DifferencesAsync(ITelemetryStore store)
    {
        var report = await store.VerifyAsync(null, null, Token);
        return (report.DifferenceCount, report.BucketsPending);
    }

    private static async Task<ServedStore> StartAsync(SmallTablespace database) => await ServedStore.StartAsync(
        await TimescaleStore.OpenAsync(
            new TimescaleOptions
            {
                Connection = database.ConnectionString,
                Schema = OptionsLoader.Load(null, []).Schema,
                Maintenance = MaintenanceOwner.External
            }, Token),
        new FakeTimeProvider(new DateTimeOffset(2026, 12, 31, 0, 0, 0, TimeSpan.Zero)));

    /// <summary>Sends a reading a minute of one sensor.</summary>
    private static async Task<(HttpStatusCode Status, JsonNode Body)> PostAsync(ServedStore served, int first, int count)
    {
        var lines = Enumerable.Range(
            first,
            count).Select(
                i => $$"""{"sensor_id":"a","time":"{{First + TimeSpan.FromMinutes(i)}}","temperature":{{i % 50}},"humidity":50}""");
        using var content = new StringContent(string.Join('\n', lines), Encoding.UTF8, "application/x-ndjson");
        using var answer = await served.Client.PostAsync("/api/readings", content, Token);
        return (answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync(Token))!);
    }
}
