using System.Text;
using Tidemark.Configuration;
using Tidemark.Ingest;

namespace Tidemark.Tests.Ingest;

public class JsonReadingParserTests
{
    private readonly JsonReadingParser _parser = new(new IncomingMetrics(OptionsLoader.Load(null, []).Schema, NewMetrics.Refuse, 200));

    private string? Parse(string json) => _parser.TryParse(Encoding.UTF8.GetBytes(json), out _, out _);

    [Fact]
    public void A_reading_is_read_in_any_order_and_what_is_missing_is_null()
    {
        var error = _parser.TryParse(
            """ {"pressure":1013.25,"time":"2026-11-22T10:00:00.1234567+01:00","temperature":null,"sensor_id":"Büro/1"} """u8,
            out var id,
            out var time);
        Assert.Null(error);
        Assert.Equal("Büro/1", id);
        Assert.Equal("2026-11-22T09:00:00.123456Z", time.ToString());
        Assert.Equal([double.NaN, double.NaN, 1013.25], _parser.Values);
    }

    [Fact]
    public void A_number_as_time_is_epoch_milliseconds()
    {
        Assert.Null(_parser.TryParse("""{"sensor_id":"a","time":1700000000123}"""u8, out _, out var time));
        Assert.Equal("2023-11-14T22:13:20.123000Z", time.ToString());
    }

    [Theory]
    [InlineData("1527863043000.0"),
        InlineData("1.527863043e12"),
        InlineData("15278630430E2"),
        InlineData("\"2018-06-01T14:24:03.000000999Z\"")]
    public void A_time_may_be_written_as_other_programs_do(string text)
    {
        Assert.Null(_parser.TryParse(Encoding.UTF8.GetBytes($$"""{"sensor_id":"a","time":{{text}}}"""), out _, out var time));
        Assert.Equal("2018-06-01T14:24:03Z", time.ToString());
    }

    [Fact]
    public void Doubles_keep_every_bit()
    {
        Assert.Null(Parse("""{"sensor_id":"a","time":0,"temperature":0.1,"humidity":-0.0,"pressure":5e-324}"""));
        Assert.Equal([0.1, -0.0, 5e-324], _parser.Values);
        Assert.True(double.IsNegative(_parser.Values[1]));
    }

    [Theory]
    [InlineData("""{"sensor_id":"a"}""", "time is missing")]
    [InlineData("""{"sensor_id":"a","time":null}""", "time is missing")]
    [InlineData("""{"sensor_id":7,"time":0}""", "sensor_id is a number, not a string")]
    [InlineData("""{"sensor_id":"a","time":1.5}""", "time 1.5 is not a whole number of epoch milliseconds between the years 1 and 9999")]
    [InlineData(
        """{"sensor_id":"a","time":"2026-11-22T10:00:00"}""",
        "time '2026-11-22T10:00:00' is not RFC 3339 with a zone, such as 2026-11-22T10:00:00Z, or epoch milliseconds")]
    [InlineData("""{"sensor_id":"a","time":true}""", "time is true, not RFC 3339 text or a number of epoch milliseconds")]
    [InlineData("""{"sensor_id":"a","time":0,"temperature":"21"}""", "temperature is a string, not a number")]
    [InlineData("""{"sensor_id":"a","time":0,"temperature":false}""", "temperature is false, not a number")]
    [InlineData("""{"sensor_id":"a","time":0,"temperature":{"value":21}}""", "temperature is an object, not a number")]
    [InlineData("""{"sensor_id":"a","time":0,"temperature":1e999}""", "temperature 1e999 is too large for a double")]
    [InlineData("""{"sensor_id":"a","time":0,"wind":3}""", "there is no metric 'wind'; there are temperature, humidity, pressure")]
    [InlineData("""{"sensor_id":"a","time":0,"w\nd":3}""", "there is no metric 'w\uFFFDd'; there are temperature, humidity, pressure")]
    [InlineData("""{"sensor_id":"a","time":0,"temperature":1,"temperature":1}""", "temperature stands twice in the object")]
    [InlineData("""{"sensor_id":"a","time":0,"time":null}""", "time stands twice in the object")]
    [InlineData("""{"sensor_id":"a","time":0,"sensor\u005fid":"a"}""", "sensor_id stands twice in the object")]
    [InlineData("[1]", "a reading is an object, not an array")]
    [InlineData("""{"sensor_id":"a","time":0,"temperature":NaN}""", "not valid JSON: 'N' is an invalid start of a value (byte 41)")]
    [InlineData(
        """{"sensor_id":"a","time":0} x""",
        "not valid JSON: 'x' is invalid after a single JSON value. Expected end of data (byte 28)")]
    [InlineData("""{"sensor_id":"\ud800","time":0}""", "not valid JSON: a text is not valid UTF-8")]
    public void What_is_wrong_is_said_in_one_line(string json, string error) => Assert.Equal(error, Parse(json));

    [Theory]
    [InlineData(""), InlineData("{"), InlineData("{}}"), InlineData("""{"sensor_id":"a",}"""), InlineData("nonsense")]
    public void What_is_not_JSON_is_refused(string json) => Assert.StartsWith("not valid JSON: ", Parse(json));

    [Fact]
    public void Others_are_added_under_names_that_metrics_can_have()
    {
        var metrics = new IncomingMetrics(OptionsLoader.Load(null, []).Schema, NewMetrics.Add, 8);
        var parser = new JsonReadingParser(metrics);
        string? Parse(string members)
            => parser.TryParse(Encoding.UTF8.GetBytes($$"""{"sensor_id":"a","time":0,{{members}}}"""), out _, out _);

        Assert.Null(Parse("""
            "Temp °C": 21.5, "on": true, "off": false, "humidity": true, "state": "idle", "none": null, "temperature": null
            """));
        Assert.Equal(["temperature", "humidity", "pressure", "temp_c", "on", "off"], metrics.Names);
        Assert.Equal([double.NaN, 1, double.NaN, 21.5, 1, 0], parser.Values);
        Assert.Null(Parse("""
            "temp_c": 3, "day": 4, "on": "often", "state": "busy"
            """));
        Assert.Equal("m_day", metrics.Names[^1]);
        Assert.Equal([double.NaN, double.NaN, double.NaN, 3, double.NaN, double.NaN, 4], parser.Values);
        Assert.Equal([("state", 2), ("on", 1)], parser.LeftOut.Select(m => (m.Key, m.Value)));
        Assert.Equal("temp_c, here as 'Temp °C', stands twice in the object", Parse("\"temp_c\":1,\"Temp °C\":2"));
        Assert.Equal("temperature is a string, not a number", Parse("\"temperature\":\"21\""));
        Assert.Equal("wind is an object, not a number", Parse("\"wind\":{}"));
        Assert.Equal(
            "the metric 'gust' is new, and the store has as many metrics as the setting max_metrics allows",
            Parse("\"gust\":1"));
        Assert.StartsWith("'°' can't be made the name of a metric: ", Parse("\"°\":1"));
        Assert.Contains("its name is too long", Parse($"\"{new string('x', 300)}\":1"));
        Assert.StartsWith($"'{new string('x', 60)}…' can't be made the name of a metric: ", Parse($"\"{new string('x', 200)}\":1"));
    }

    [Fact]
    public void Invalid_UTF8_is_refused()
        => Assert.StartsWith(
            "not valid JSON: ",
            _parser.TryParse([.. """{"sensor_id":"a"""u8, 0xFF, .. """b","time":0}"""u8], out _, out _));
}
