using System.Net;

namespace Tidemark.App.Tests.Alerts;

/// <summary>What becomes of messages whose receiver doesn't just take them.</summary>
public sealed class DeliveryTests
{
    private const string TooHot = "name=too_hot sensors=a metric=temperature above=30";

    private static async Task<string> CountsAsync(AlertServer server)
    {
        var receiver = (await server.StatusAsync())["receivers"]!.AsArray().Single()!;
        return $"{receiver["waiting"]} waiting, {receiver["delivered"]} delivered, {receiver["given_up"]} given up, "
            + $"{receiver["dropped"]} dropped";
    }

    private static Task UntilAsync(AlertServer server, string counts) => Until.TrueAsync(async () => await CountsAsync(server) == counts);

    [Theory]
    [InlineData(HttpStatusCode.BadRequest, 10), InlineData(HttpStatusCode.Gone, 1)]
    public async Task A_message_that_is_refused_is_given_up_and_the_next_one_comes(HttpStatusCode status, int tries)
    {
        await using var webhook = await WebhookListener.StartAsync();
        webhook.Status = status;
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(webhook, TooHot));
        await server.WriteAsync("a", "09:00:00", 31);
        await Until.TrueAsync(() => webhook.All.Count == 1);
        await server.PassAsync(TimeSpan.FromMinutes(45));
        await UntilAsync(server, "0 waiting, 0 delivered, 1 given up, 0 dropped");
        Assert.Equal(tries, webhook.All.Count);
        webhook.Status = HttpStatusCode.NoContent;
        await server.WriteAsync("a", "09:01:00", 20);
        Assert.Equal(["alert.resolved too_hot a"], await webhook.TakenAsync(1));
        await UntilAsync(server, "0 waiting, 1 delivered, 1 given up, 0 dropped");
    }

    [Fact]
    public async Task A_receiver_says_when_it_wants_to_be_asked_again()
    {
        await using var webhook = await WebhookListener.StartAsync();
        (webhook.Status, webhook.RetryAfter) = (HttpStatusCode.TooManyRequests, "1200");
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(webhook, TooHot));
        await server.WriteAsync("a", "09:00:00", 31);
        await Until.TrueAsync(() => webhook.All.Count == 1);
        await server.PassAsync(TimeSpan.FromMinutes(18));
        Assert.Single(webhook.All);
        webhook.Status = HttpStatusCode.OK;
        await server.PassAsync(TimeSpan.FromMinutes(4));
        await webhook.TakenAsync(1);
        Assert.Equal(2, webhook.All.Count);
    }

    [Fact]
    public async Task What_nobody_takes_for_three_days_is_given_up()
    {
        await using var webhook = await WebhookListener.StartAsync();
        webhook.Status = HttpStatusCode.InternalServerError;
        await using var server = await AlertServer.StartAsync(AlertServer.Settings(webhook, TooHot));
        await server.WriteAsync("a", "09:00:00", 31);
        await Until.TrueAsync(() => webhook.All.Count == 1);
        await server.PassAsync(TimeSpan.FromHours(71));
        Assert.Equal("1 waiting, 0 delivered, 0 given up, 0 dropped", await CountsAsync(server));
        await server.PassAsync(TimeSpan.FromHours(2));
        await UntilAsync(server, "0 waiting, 0 delivered, 1 given up, 0 dropped");
        Assert.Empty(await server.Store.ReadDocumentsAsync("alerts/outbox/", "", 10, CancellationToken.None));
    }

    [Fact]
    public async Task A_webhook_that_is_not_there_holds_up_no_write_and_no_other_receiver()
    {
        await using var webhook = await WebhookListener.StartAsync();
        string nobody;
        await using (var gone = await WebhookListener.StartAsync())
        {
            nobody = gone.Url;
        }

        await using var server = await AlertServer.StartAsync(
        [
            .. AlertServer.Settings(webhook, TooHot),
            ("alerts:webhooks:1:name", "nobody"), ("alerts:webhooks:1:url", nobody), ("alerts:webhooks:1:secret", AlertServer.Secret),
        ]);
        for (var minute = 0; minute < 6; minute++)
        {
            await server.WriteAsync("a", $"09:{minute:00}:00", minute % 2 == 0 ? 31 : 20);
        }

        Assert.Equal(6, (await webhook.TakenAsync(6)).Count);
        var receiver = (await server.StatusAsync())["receivers"]![1]!;
        Assert.Equal(("nobody", "6"), ($"{receiver["name"]}", $"{receiver["waiting"]}"));
        Assert.Contains("refused", $"{receiver["error"]}", StringComparison.OrdinalIgnoreCase);

        // Each receiver is told the same change under the same id.
        var waiting = await server.Store.ReadDocumentsAsync("alerts/outbox/nobody/", "", 10, CancellationToken.None);
        Assert.Equal(webhook.Taken.Select(w => $"alerts/outbox/nobody/{w.Id}"), waiting.Select(d => d.Name));
    }

    [Fact]
    public async Task Of_too_many_that_wait_the_oldest_are_dropped()
    {
        await using var webhook = await WebhookListener.StartAsync();
        webhook.Status = HttpStatusCode.ServiceUnavailable;
        await using var server = await AlertServer.StartAsync(
            AlertServer.Settings(webhook, "name=hot sensors=s* metric=temperature above=30"));
        var lines = Enumerable.Range(0, 10_050)
            .Select(i => $$"""{"sensor_id":"s{{i:00000}}","time":"2026-11-22T09:00:00Z","temperature":31}""");
        using var written = await server.Client.PostAsync(
            "/api/readings", new StringContent(string.Join('\n', lines), null, "application/x-ndjson"));
        Assert.Equal(HttpStatusCode.OK, written.StatusCode);
        await UntilAsync(server, "10000 waiting, 0 delivered, 0 given up, 50 dropped");

        // They are dropped from the store too.
        await server.SettleAsync();
        Assert.Equal(10_000, (await server.Store.ReadDocumentsAsync("alerts/outbox/", "", 20_000, CancellationToken.None)).Count);
    }

    [Fact]
    public async Task The_secret_is_read_with_each_delivery_and_two_are_used_while_one_replaces_the_other()
    {
        var file = Path.GetTempFileName();
        try
        {
            await using var webhook = await WebhookListener.StartAsync();
            await File.WriteAllTextAsync(file, "nonsense");
            await using var server = await AlertServer.StartAsync(
            [
                .. AlertServer.Settings(webhook, TooHot).Where(s => s.Key != "alerts:webhooks:0:secret"),
                ("alerts:webhooks:0:secret_file", file),
            ]);
            await server.WriteAsync("a", "09:00:00", 31);
            await Until.TrueAsync(async ()
                => $"{(await server.StatusAsync())["receivers"]![0]!["error"]}".Contains(file, StringComparison.Ordinal));
            Assert.Empty(webhook.All);
            await File.WriteAllTextAsync(file, $"{AlertServer.Secret}\nwhsec_{Convert.ToBase64String(new byte[24])}\n");
            await server.PassAsync(TimeSpan.FromMinutes(1));
            await webhook.TakenAsync(1);
            Assert.Matches("^v1,[A-Za-z0-9+/]{43}= v1,[A-Za-z0-9+/]{43}=$", webhook.Taken[0].Signature);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
