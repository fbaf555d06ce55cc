using System.Text;
using Microsoft.Extensions.Configuration;
using Tidemark.Configuration;
using Tidemark.DuckDb;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Cli;

/// <summary>Answers that are larger than the memory of the server that gives them.</summary>
public sealed class LargeAnswerTests : IDisposable
{
    private const int Readings = 300_000;

    // 64 MiB: several times less than the rows of one answer take when they are collected.
    private const string HeapLimit = "4000000";

    private static readonly (string Key, string Value)[] Minutes = [("aggregates:0:name", "minutes"), ("aggregates:0:bucket", "1 minute")];

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("raw", true, 60), InlineData("raw", false, 1), InlineData("minutes", true, 60), InlineData("minutes", false, 60)]
    public async Task Many_at_once_need_little_memory_and_who_hangs_up_leaves_none(string what, bool isRefreshed, int seconds)
    {
        TestLength.SkipUnlessShare();
        await FillAsync(isRefreshed, TimeSpan.FromSeconds(seconds));
        var server = _folder.Start(
            [
                ("DOTNET_GCHeapHardLimit", HeapLimit),
                ("TIDEMARK_SERVER__URLS", "http://127.0.0.1:0"), ("TIDEMARK_SCHEDULE__REFRESH", "never"),
                .. Minutes.Select(m => ($"TIDEMARK_{m.Key.Replace(":", "__", StringComparison.Ordinal)}", m.Value)),
            ],
            "serve");
        using var client = new HttpClient { BaseAddress = new Uri(await server.UrlAsync()) };
        var path = $"/api/sensors/a/{what}?from=2025-01-01T00:00:00Z";
        for (var i = 0; i < 4; i++)
        {
            await using var left = await client.GetStreamAsync(path);
            await left.ReadExactlyAsync(new byte[300_000]);
        }

        var ends = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => EndAsync(client, path)));
        Assert.All(ends, end => Assert.Contains($"\"data_points\":{Readings},", end, StringComparison.Ordinal));
        await server.TerminateAsync();
    }

    /// <summary>The last characters of an answer.</summary>
    private static async Task<string> EndAsync(HttpClient client, string path)
    {
        await using var stream = await client.GetStreamAsync(path);
        var (buffer, end) = (new byte[64 << 10], "");
        for (int read; (read = await stream.ReadAsync(buffer)) > 0;)
        {
            end += Encoding.UTF8.GetString(buffer, 0, read);
            end = end[^Math.Min(end.Length, 200)..];
        }

        return end;
    }

    /// <summary>From 2025 on: those of all chunks, or of one.</summary>
    private async Task FillAsync(bool isRefreshed, TimeSpan step)
    {
        var settings = Minutes.Select(m => KeyValuePair.Create(m.Key, (string?)m.Value));
        var schema = OptionsLoader.Load(new ConfigurationBuilder().AddInMemoryCollection(settings).Build()).Schema;
        var options = new DuckDbOptions { Folder = _folder.Data, Schema = schema };
        await using var store = await DuckDbStore.OpenAsync(options, CancellationToken.None);
        await store.InitializeAsync(CancellationToken.None);
        var batch = new ReadingBatch(schema.MetricNames, Readings);
        var start = Instant.Utc(2025, 1, 1);
        for (var i = 0; i < Readings; i++)
        {
            batch.Add("a", start + (i * step), [20 + (i % 7 / 3.0), 50, double.NaN]);
        }

        await store.WriteAsync(batch, CancellationToken.None);
        if (isRefreshed)
        {
            await store.RefreshAsync("minutes", null, null, CancellationToken.None);
        }
    }
}
