using System.Text.Json;

namespace Tidemark.App.Tests.Cli;

public sealed class AlertCommandTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Rules_are_added_listed_evaluated_by_a_server_and_taken_away()
    {
        await _folder.SucceedAsync("init");
        Assert.Equal("there are no rules: tidemark alert add makes one\n", await _folder.SucceedAsync("alert", "rules"));
        Assert.Equal("no alert is firing or pending\n", await _folder.SucceedAsync("alert", "list"));
        Assert.Equal(
            "falls: temperature rate below -5 per 1h, for 10min\n",
            await _folder.SucceedAsync(
                "alert", "add", "falls", "--metric", "temperature", "--rate-below", "-5", "--per", "1h", "--for", "10min"));
        await _folder.SucceedAsync(
            "alert", "add", "too_hot", "--sensors", "hall-*", "--metric", "temperature", "--above", "30", "--severity", "critical");
        var rules = (await _folder.SucceedAsync("alert", "rules")).TrimEnd().Split('\n');
        Assert.Matches("^Rule +Sensors +Condition +Severity +Notify +Kept", rules[0]);
        Assert.Matches(@"^falls +\* +temperature rate below -5 per 1h, for 10min +warning +all +store", rules[1]);
        Assert.Matches(@"^too_hot +hall-\* +temperature above 30 +critical +all +store", rules[2]);

        var server = await _folder.ServeAsync();
        _folder.Write("hot.ndjson", "{\"sensor_id\":\"hall-1\",\"time\":\"2026-11-22T10:00:00Z\",\"temperature\":31}\n");
        await _folder.SucceedAsync("import", "hot.ndjson");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while ((await _folder.SucceedAsync("alert", "list")).StartsWith("no alert", StringComparison.Ordinal))
        {
            await Task.Delay(100, patience.Token);
        }

        var alert = JsonDocument.Parse(await _folder.SucceedAsync("alert", "list", "--json")).RootElement[0];
        Assert.Equal(
            ("too_hot", "hall-1", "firing", "critical"),
            (Text(alert, "rule"), Text(alert, "sensor_id"), Text(alert, "state"), Text(alert, "severity")));
        Assert.Matches(
            @"(?m)^Alerts: 2 rules, 1 firing, 0 pending; since the server's start 1 fired, ", await _folder.SucceedAsync("status"));
        await server.TerminateAsync();

        // They are kept with the store, whether a server runs or not.
        Assert.Matches(@"(?m)^too_hot +hall-1 +firing +critical +temperature above 30 +31 ", await _folder.SucceedAsync("status"));
        Assert.Equal("too_hot is taken away\n", await _folder.SucceedAsync("alert", "remove", "too_hot"));
        var again = await _folder.RunAsync("alert", "remove", "too_hot");
        Assert.Equal(
            (1, "tidemark: there is no rule 'too_hot' with the store: tidemark alert rules shows them\n"), (again.ExitCode, again.Error));
    }

    private static string? Text(JsonElement element, string member) => element.GetProperty(member).GetString();

    [Fact]
    public async Task What_is_wrong_with_a_rule_is_told_together()
    {
        await _folder.SucceedAsync("init");
        var wrong = await _folder.RunAsync("alert", "add", "A", "--above", "x");
        Assert.Equal(
            (2, "tidemark: name: 'A' is not a lower-case letter, then up to 47 lower-case letters, digits or underscores; above: 'x' is "
                + "not a number; metric: '' is no name of a metric: a lower-case letter, then up to 47 lower-case letters, digits or "
                + "underscores; see tidemark alert add --help\n"),
            (wrong.ExitCode, wrong.Error));
        _folder.Write("tidemark.json", """{"alerts":{"rules":[{"name":"silent","silent":"1h"}]}}""");
        var configured = await _folder.RunAsync("alert", "add", "silent", "--silent", "2h");
        Assert.Equal((1, "tidemark: the rule 'silent' is configured: change it there\n"), (configured.ExitCode, configured.Error));
        Assert.Matches(
            @"(?m)^silent +\* +silent for more than 1h +warning +all +configuration", await _folder.SucceedAsync("alert", "rules"));
    }
}
