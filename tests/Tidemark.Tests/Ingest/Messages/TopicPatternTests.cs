using Tidemark.Ingest.Messages;

namespace Tidemark.Tests.Ingest.Messages;

public sealed class TopicPatternTests
{
    [Theory]
    [InlineData("site/{sensor}/{metric}", "site/pump/flow", "pump", "flow")]
    [InlineData("{sensor}", "a b", "a b", null)]
    [InlineData("{sensor}/x/{sensor}", "hall/x/2", "hall/2", null)]
    [InlineData("a/{metric}/+/{metric}", "a/room/7/temp", null, "room_temp")]
    [InlineData("zigbee2mqtt/{sensor...}", "zigbee2mqtt/kitchen/floor/lamp", "kitchen/floor/lamp", null)]
    [InlineData("tele/#", "tele/a/b", null, null), InlineData("tele/#", "tele", null, null), InlineData("+/x", "/x", null, null)]
    [InlineData("{sensor}/{metric}", "a/", "a", ""), InlineData("#", "a/b/c", null, null)]
    public void A_topic_names_sensor_and_metric(string pattern, string topic, string? sensor, string? metric)
    {
        Assert.True(Parse(pattern).TryMatch(topic, out var foundSensor, out var foundMetric));
        Assert.Equal((sensor, metric), (foundSensor, foundMetric));
    }

    [Theory]
    [InlineData("site/{sensor}", "site/a/b"), InlineData("site/{sensor}", "site"), InlineData("site/{sensor}", "Site/a")]
    [InlineData("site/{sensor}/{metric}", "site/a"), InlineData("a/+", "a"), InlineData("zigbee2mqtt/{sensor...}", "zigbee2mqtt")]
    [InlineData("#", "$SYS/uptime"), InlineData("+/uptime", "$SYS/uptime"), InlineData("{sensor}/uptime", "$SYS/uptime")]
    public void Another_topic_is_not_its_own(string pattern, string topic) => Assert.False(Parse(pattern).TryMatch(topic, out _, out _));

    [Theory]
    [InlineData("site/{sensor}/{metric}", "site/+/+"), InlineData("a/{sensor...}", "a/#"), InlineData("$SYS/{metric}", "$SYS/+")]
    public void A_client_subscribes_to_what_it_is_for(string pattern, string filter) => Assert.Equal(filter, Parse(pattern).Filter);

    [Theory]
    [InlineData(""), InlineData(null), InlineData("a/#/b"), InlineData("{sensor...}/a"), InlineData("a{sensor}"), InlineData("a+")]
    [InlineData("{x}")]
    public void Anything_else_is_no_pattern(string? text) => Assert.False(TopicPattern.TryParse(text, out _));

    [Theory]
    [InlineData("a/#", "a/+/b", true), InlineData("a/#", "a", true), InlineData("+/b", "a/b", true), InlineData("a/+", "a/+", true)]
    [InlineData("a/+", "a/#", false), InlineData("a/b", "a/+", false), InlineData("+", "a/b", false), InlineData("a/b/c", "a/b", false)]
    public void A_filter_may_bring_all_that_another_one_does(string filter, string other, bool covers)
        => Assert.Equal(covers, TopicPattern.Covers(filter, other));

    private static TopicPattern Parse(string text)
        => TopicPattern.TryParse(text, out var pattern) ? pattern : throw new ArgumentException(text, nameof(text));
}
