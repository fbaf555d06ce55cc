using Tidemark.Alerts;
using Tidemark.Configuration;

namespace Tidemark.Tests.Alerts;

public sealed class AlertRuleTests
{
    private static (AlertRule? Rule, List<string> Errors) Read(string json)
    {
        var errors = new List<string>();
        return (new AlertRuleBinder(["ops", "mqtt"], errors).Read(json), errors);
    }

    [Theory]
    [InlineData("""{"name":"a","metric":"temperature","above":30}""", "temperature above 30")]
    [InlineData("""{"name":"a","metric":"t","below":-1.5,"clear":"0","for":"10min"}""", "t below -1.5, clear at 0, for 10min")]
    [InlineData("""{"name":"a","silent":"90s","keep_firing_for":"1h"}""", "silent for more than 90s, keep firing for 1h")]
    [InlineData("""{"name":"a","metric":"t","rate_above":5,"per":"1h","over":"15min"}""", "t rate above 5 per 1h over 15min")]
    [InlineData("""{"name":"a","metric":"t","rate_below":-5,"per":"1h","clear":0}""", "t rate below -5 per 1h, clear at 0")]
    public void A_rule_says_its_condition_in_words_and_is_written_as_it_was_read(string json, string expression)
    {
        var (rule, errors) = Read(json);
        Assert.Empty(errors);
        Assert.Equal(expression, rule!.Expression);
        var again = Read(OptionsWriter.Rule(rule).ToJsonString()).Rule!;
        Assert.Equal(OptionsWriter.Rule(rule).ToJsonString(), OptionsWriter.Rule(again).ToJsonString());
    }

    [Fact]
    public void A_rule_is_for_some_sensors_and_not_for_others()
    {
        var rule = Read("""{"name":"a","sensors":"hall-*,kitchen","except":"hall-9*","silent":"1h"}""").Rule!;
        Assert.Equal(
            ["hall-1", "kitchen"], ((string[])["hall-1", "hall-9", "hall-91", "kitchen", "kitchen2", "Hall-1"]).Where(rule.IsFor));
        Assert.Null(rule.Notify);
        Assert.Equal(["ops"], Read("""{"name":"a","silent":"1h","notify":"ops;ops"}""").Rule!.Notify!);
        Assert.Empty(Read("""{"name":"a","silent":"1h","notify":"none"}""").Rule!.Notify!);
    }

    [Theory]
    [InlineData("[]", "the rule is not a JSON object")]
    [InlineData("{\"name\":}", "the rule is not a JSON object")]
    [InlineData("""{"name":"A","metric":"t","above":1}""", "name: 'A' is not a lower-case letter")]
    [InlineData("""{"name":"a","metric":"t"}""", "a rule needs a condition: one of above, below, rate_above, rate_below, silent")]
    [InlineData("""{"name":"a","metric":"t","above":1,"below":2}""", "a rule has one condition: one of ")]
    [InlineData("""{"name":"a","above":1}""", "metric: '' is no name of a metric")]
    [InlineData("""{"name":"a","metric":"t","silent":"1h"}""", "metric: readings of any metric end silence: leave it out")]
    [InlineData("""{"name":"a","silent":"1h","for":"1h"}""", "for: silent says the time already: leave it out")]
    [InlineData("""{"name":"a","silent":"5"}""", "silent: '5' is not a whole number and s, min, h, d or w")]
    [InlineData("""{"name":"a","metric":"t","above":"hot"}""", "above: 'hot' is not a number")]
    [InlineData("""{"name":"a","metric":"t","above":"NaN"}""", "above: 'NaN' is not a number")]
    [InlineData("""{"name":"a","metric":"t","above":1,"clear":2}""", "clear: 2 is above the threshold 1: the alert would never be over")]
    [InlineData("""{"name":"a","metric":"t","below":1,"clear":0}""", "clear: 0 is below the threshold 1: the alert would never be over")]
    [InlineData("""{"name":"a","metric":"t","rate_above":1}""", "per: a rate needs the time that it is counted in, such as 1h")]
    [InlineData("""{"name":"a","metric":"t","above":1,"per":"1h"}""", "per: it is for rate_above and rate_below: leave it out")]
    [InlineData("""{"name":"a","silent":"1h","severity":"7"}""", "severity: '7' is not info, warning or critical")]
    [InlineData("""{"name":"a","silent":"1h","notify":"boss"}""", "notify: there is no receiver 'boss'; there are ops, mqtt, none")]
    [InlineData("""{"name":"a","silent":"1h","sensors":"a,,b"}""", "sensors: sensors 'a,,b' is not a list such as")]
    [InlineData("""{"name":"a","silent":"1h","summary":"a\nb"}""", "summary: it is longer than 500 characters, or has control characters")]
    [InlineData("""{"name":"a","silent":"1h","abov":1}""", "abov: there is no such member of a rule; there are name, sensors,")]
    [InlineData("""{"name":"a","silent":"1h","notify":["ops"]}""", "notify:0: there is no such member of a rule")]
    public void What_is_wrong_is_told(string json, string error)
    {
        var (rule, errors) = Read(json);
        Assert.Null(rule);
        Assert.StartsWith(error, Assert.Single(errors));
    }

    [Fact]
    public void Everything_that_is_wrong_with_a_configuration_is_told_together()
    {
        var errors = Assert.Throws<OptionsException>(() => OptionsLoader.Load(null, [
            new("alerts:rules:0:name", "hot"), new("alerts:rules:0:metric", "t"), new("alerts:rules:0:above", "x"),
            new("alerts:rules:0:severity", "bad"),
            new("alerts:rules:1:name", "silent"), new("alerts:rules:1:silent", "1h"),
            new("alerts:rules:2:name", "silent"), new("alerts:rules:2:silent", "2h"),
            new("alerts:webhooks:0:name", "ops"), new("alerts:webhooks:0:url", "ftp://x"), new("alerts:webhooks:0:secret", "s"),
            new("alerts:webhooks:1:name", "mqtt"),
            new("alerts:webhooks:2:name", "two"), new("alerts:webhooks:2:url", "http://127.0.0.1/"),
            new("alerts:mqtt:topic", "a/+"),
            new("alerts:max_instances", "0"),
        ])).Errors;
        Assert.Equal(
            [
                "alerts:max_instances: '0' is not a positive whole number",
                "alerts:webhooks:0:secret: it is not whsec_ and 24 to 64 random bytes in base64; several with blanks between them",
                "alerts:webhooks:0:url: 'ftp://x' is not an address such as https://example.org/hooks/tidemark",
                "alerts:webhooks:1:name: 'mqtt' is not a lower-case letter, then up to 47 lower-case letters, digits or underscores, or it "
                    + "means something else",
                "alerts:webhooks:2: one of secret and secret_file has to be there: what is sent is signed",
                "alerts:mqtt: nothing can be published: set mqtt:listen, or add a broker to mqtt:brokers",
                "alerts:mqtt:topic: 'a/+' is not a topic such as tidemark/alerts/{rule}/{sensor}",
                "alerts:rules:0:above: 'x' is not a number",
                "alerts:rules:0:severity: 'bad' is not info, warning or critical",
                "alerts:rules: there are two rules 'silent'",
            ],
            errors);
    }

    [Fact]
    public void A_configuration_is_written_without_its_secrets()
    {
        var json = OptionsWriter.ToJson(OptionsLoader.Load(null, [
            new("mqtt:listen", "mqtt://127.0.0.1:1883"),
            new("alerts:webhooks:0:name", "ops"), new("alerts:webhooks:0:url", "https://example.org/x?token=1"),
            new("alerts:webhooks:0:secret", $"whsec_{Convert.ToBase64String(new byte[24])}"),
            new("alerts:mqtt:topic", "tidemark/alerts/{rule}/{sensor}"),
            new("alerts:rules:0:name", "hot"), new("alerts:rules:0:metric", "t"), new("alerts:rules:0:above", "30"),
        ]));
        Assert.DoesNotContain("whsec_", json, StringComparison.Ordinal);
        Assert.Contains("\"above\": 30", json, StringComparison.Ordinal);
        Assert.Contains("\"topic\": \"tidemark/alerts/{rule}/{sensor}\"", json, StringComparison.Ordinal);
    }
}
