using System.Globalization;
using System.Text;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Tests.Ingest.LineProtocol;

public class LineReadingsTests
{
    private const string NoName
        = "does not have 1 to 48 letters (a to z) and digits for a metric name: rename the field or the measurement";

    private static readonly Instant Arrival = Instant.Utc(2026, 11, 29, 8);

    private LineReadings _readings = new(LinePrecision.Seconds, LineNaming.Default, Arrival, 1 << 16);

    [Fact]
    public void A_line_is_a_reading()
        => Assert.Equal(
            ["s1 2023-11-14T22:13:20Z temperature=21.5 humidity=40.25 pressure=1013.2"],
            Read("sensor_data,sensor_id=s1 temperature=21.5,humidity=40.25,pressure=1013.2 1700000000"));

    [Theory]
    [InlineData("m,sensor_id=a,sensor=b,device_id=c,device=d,host=e f=1", "a")]
    [InlineData("m,host=e,device=d,device_id=c,sensor=b f=1", "b")]
    [InlineData("m,host=e,device=d,device_id=c f=1", "c")]
    [InlineData("m,host=e,device=d f=1", "d")]
    [InlineData("m,host=e,room=r f=1", "e")]
    [InlineData("m,room=r,floor=1 f=1", "m/1/r")]
    [InlineData("m f=1", "m")]
    [InlineData("m,sensor_id=Büro\\ 1\\,a f=1", "Büro 1,a")]
    public void The_first_tag_of_the_list_is_the_sensor_else_all_that_names_the_series(string line, string sensor)
    {
        Read(line);
        Assert.Equal(sensor, _readings.SensorId(0));
    }

    [Theory]
    [InlineData("m,site=s,device=d f=1", "s/d")]
    [InlineData("m,site=s f=1", "<s>")]
    [InlineData("m,device=d f=1", "m/d")]
    [InlineData("m,mac=00:11 f=1", "00:11")]
    public void A_template_counts_where_a_line_has_all_of_its_tags(string line, string sensor)
    {
        string[] sources = ["{site}/{device}", "<{site}>", "mac"];
        var naming = new LineNaming([.. sources.Select(Source)], []);
        _readings = new LineReadings(LinePrecision.Seconds, naming, Arrival, 1 << 16);
        Read(line);
        Assert.Equal(sensor, _readings.SensorId(0));
    }

    [Theory]
    [InlineData(""), InlineData("{"), InlineData("}"), InlineData("{}"), InlineData("a}{b"), InlineData("{{a}}"), InlineData("{a}}")]
    public void Another_text_is_no_template(string text) => Assert.False(SensorIdSource.TryParse(text, out _));

    [Theory]
    [InlineData(
        "m,a=12345678901234567890,b=12345678901234567890,c=12345678901234567890 f=1",
        "sensor_id is longer than 50 characters, made of the measurement and all tags: "
            + "'m/12345678901234567890/12345678901234567890/1234567890123456…'; send a tag sensor_id, or name the tags that make the id")]
    [InlineData(
        "m,host=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa f=1",
        "sensor_id is longer than 50 characters, which tags made: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'")]
    [InlineData("m,host=. f=1", "sensor_id '.' is reserved, which tags made: '.'")]
    [InlineData("m,host=a\u0001 f=1", "sensor_id has a control character, which tags made: 'a\uFFFD'")]
    public void What_can_be_no_id_is_refused(string line, string error)
    {
        Assert.Empty(Read(line));
        Assert.Equal(error, Assert.Single(_readings.Errors).Message);
    }

    [Theory]
    [InlineData("sensor_data Temp\\ °C=1", "temp_c")]
    [InlineData("weather temp=1", "weather_temp")]
    [InlineData("weather value=1", "weather")]
    [InlineData("sensor_data value=1", "value")]
    [InlineData("°C value=1", "c")]
    [InlineData("5\\ min load=1", "m_5_min_load")]
    public void A_field_is_a_metric_with_its_measurement_before_it(string line, string metric)
    {
        Read(line);
        Assert.Equal([metric], _readings.Metrics);
    }

    [Fact]
    public void Measurements_may_be_left_out_of_names()
    {
        _readings = new LineReadings(LinePrecision.Seconds, new LineNaming([], ["a", "b"]), Arrival, 1 << 16);
        Read("a x=1\nb y=1\nsensor_data z=1");
        Assert.Equal(["x", "y", "sensor_data_z"], _readings.Metrics);
    }

    [Theory]
    [InlineData("sensor_data °=1", $"'°' {NoName}")]
    [InlineData("m °=1", $"'°' {NoName}")]
    [InlineData("温度 f=1", $"'温度' {NoName}")]
    [InlineData(
        "sensor_data Temp=1,temp=2",
        "the fields 'Temp' of 'sensor_data' and 'temp' of 'sensor_data' are both the metric temp: rename one")]
    public void A_field_that_can_be_no_metric_refuses_its_line(string line, string error)
    {
        Assert.Equal(["s 2026-11-29T08:00:00Z f=1"], Read($"{line}\nsensor_data,host=s f=1"));
        Assert.Equal(new LineError(1, line, error), Assert.Single(_readings.Errors));
        Assert.Equal(["f"], _readings.Metrics);
    }

    [Fact]
    public void A_name_of_more_than_48_characters_is_refused_not_cut()
    {
        Assert.Empty(Read($"m {new string('f', 47)}=1"));
        Assert.Contains("does not have 1 to 48 letters", Assert.Single(_readings.Errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Booleans_are_numbers_and_texts_are_left_out_and_counted()
    {
        Assert.Equal(
            ["a 1970-01-01T00:00:01Z m_on=1 m_off=0 m_n=3"],
            Read("m,host=a on=true,off=F,n=3u,s=\"x\" 1\nm,host=a s=\"y\",°=\"\" 2"));
        Assert.Equal(3, _readings.Strings.Total);
        Assert.Equal(new Dictionary<string, long> { ["s"] = 2, ["°"] = 1 }, _readings.Strings.ByField);
        Assert.Empty(_readings.Errors);
    }

    [Fact]
    public void Lines_of_one_sensor_and_instant_are_one_reading()
    {
        Assert.Equal(
            ["a 1970-01-01T00:00:02Z cpu_x=1 mem_y=4", "b 1970-01-01T00:00:02Z cpu_x=2", "a 1970-01-01T00:00:01Z cpu_x=3 mem_y=5"],
            Read("cpu,host=a x=1 2\ncpu,host=b x=2 2\ncpu,host=a x=3 1\nmem,host=a y=4 2\nmem,host=a y=5 1"));
        Assert.Equal([1, 2, 3], Enumerable.Range(0, 3).Select(_readings.LineNumber));
    }

    [Fact]
    public void Of_a_field_that_comes_again_the_last_counts()
        => Assert.Equal(
            ["a 1970-01-01T00:00:01Z m_x=5 m_y=2 m_z=6", "a 1970-01-01T00:00:02Z m_x=9"],
            Read("m,host=a,r=1 x=1,y=2 1\nm,host=a,r=1 x=3,x=4 1\nm,host=a,r=1 x=9 2\nm,r=1,host=a x=5,z=6 1"));

    [Fact]
    public void What_comes_twice_into_one_reading_from_different_series_is_refused()
    {
        Assert.Equal(
            ["a 1970-01-01T00:00:01Z cpu_x=1 y=3"],
            Read("cpu,host=a,cpu=0 x=1 1\ncpu,host=a,cpu=1 x=2 1\ny,host=a value=3 1\nsensor_data,host=a y=4,z=5 1"));
        Assert.Equal(
            [
                "the metric cpu_x of sensor 'a' at this time came with other tags: make the tags that differ part of the sensor id",
                "the field 'y' of 'sensor_data' is the metric y, which this reading has from another field: rename one",
            ],
            _readings.Errors.Select(e => e.Message));
    }

    [Fact]
    public void A_line_without_a_time_is_of_the_arrival_of_the_body()
        => Assert.Equal(["a 2026-11-29T08:00:00Z m_x=1 m_y=2"], Read("m,host=a x=1\nm,host=a y=2 1795939200"));

    [Fact]
    public void A_reading_holds_a_bounded_number_of_metrics()
    {
        Read(string.Concat(Enumerable.Range(0, 2 * LineReadings.MaxMetrics).Select(i => $"m f{i}=1 1\n")));
        Assert.Equal((1, LineReadings.MaxMetrics), (_readings.Count, _readings.Metrics.Count));
        Assert.Equal(LineReadings.MaxMetrics, _readings.Refused);
        Assert.Equal(100, _readings.Errors.Count);
        Assert.Equal($"a reading has more than {LineReadings.MaxMetrics} metrics", _readings.Errors[0].Message);
    }

    [Fact]
    public void A_wide_line_that_comes_again_is_no_wider()
    {
        var line = $"m {string.Join(',', Enumerable.Range(0, LineReadings.MaxMetrics).Select(i => $"f{i}=1"))},f0=2 1\n";
        Read(line + line);
        Assert.Empty(_readings.Errors);
        Assert.Equal(LineReadings.MaxMetrics, _readings.Metrics.Count);
    }

    [Fact]
    public void A_line_that_is_refused_is_shown_at_a_bounded_length()
    {
        Read($"m f={new string('x', 1_000)}");
        Assert.Equal($"m f={new string('x', 196)}…", _readings.Errors[0].Text);
    }

    [Fact]
    public void Pieces_make_the_same_readings_and_clearing_begins_anew()
    {
        var text = Encoding.UTF8.GetBytes("m,host=a x=1 1\nm,host=b x=2 1\nm,host=a s=\"\n\",y=3 1\nbad");
        var carried = 0;
        for (var end = 1; end <= text.Length; end++)
        {
            ReadOnlySpan<byte> piece = text.AsSpan(carried, end - carried);
            _readings.Read(ref piece, end == text.Length);
            carried = end - piece.Length;
        }

        Assert.Equal(["a 1970-01-01T00:00:01Z m_x=1 m_y=3", "b 1970-01-01T00:00:01Z m_x=2"], Rows());
        Assert.Equal((1, 1), (_readings.Refused, _readings.Strings.Total));
        _readings.Clear();
        Assert.Equal((0, 0, 0, 0), (_readings.Count, _readings.Metrics.Count, _readings.Refused, _readings.Strings.Total));
        Assert.Equal(["a 1970-01-01T00:00:01Z n_x=7"], Read("n,host=a x=7 1"));
    }

    private static SensorIdSource Source(string text)
        => SensorIdSource.TryParse(text, out var source) ? source! : throw new ArgumentException(text);

    private List<string> Read(string text)
    {
        ReadOnlySpan<byte> utf8 = Encoding.UTF8.GetBytes(text);
        _readings.Read(ref utf8, isFinal: true);
        return Rows();
    }

    private List<string> Rows() => [.. Enumerable.Range(0, _readings.Count).Select(row =>
    {
        var values = new double[_readings.Metrics.Count];
        _readings.CopyValues(row, [.. Enumerable.Range(0, values.Length)], values);
        var shown = values.Index().Where(v => !double.IsNaN(v.Item))
            .Select(v => string.Create(CultureInfo.InvariantCulture, $"{_readings.Metrics[v.Index]}={v.Item}"));
        return $"{_readings.SensorId(row)} {_readings.Time(row)} {string.Join(' ', shown)}";
    })];
}
