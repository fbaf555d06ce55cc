using System.Text;
using Microsoft.Extensions.Configuration;
using Tidemark.Configuration;

namespace Tidemark.Tests.Configuration;

public class OptionsLoaderTests
{
    [Fact]
    public void Nothing_configured_is_the_exercises_schema()
    {
        var options = Load("{}");
        Assert.Equal(["temperature", "humidity", "pressure"], options.Schema.Metrics.Select(m => m.Name));
        Assert.Equal(
            [
                ("hourly", "sensor_data_hourly", "1 hour", null),
                ("daily", "sensor_data_daily", "1 day", "hourly"),
                ("monthly", "sensor_data_monthly", "1 month", "daily"),
            ],
            options.Schema.Aggregates.Select(a => (a.Name, a.Table, a.Bucket.ToString(), a.Source?.Name)));
        Assert.Equal(
            (TimeSpan.FromDays(7), TimeSpan.FromDays(7), null, TimeSpan.FromHours(1), true),
            (options.ChunkInterval, options.CompressAfter, options.Retention, options.MaxSkew, options.RealTime));
        Assert.Equal(("http://127.0.0.1:5000", 64L << 20), (options.Server.Urls, options.Server.MaxBody));
        Assert.Equal("duckdb:./tidemark-data", options.Store.ToString());
    }

    [Theory]
    [InlineData("duckdb:./x", null, MaintenanceOwner.Server), InlineData("postgresql://h/db", null, MaintenanceOwner.Database)]
    [InlineData("postgresql://h/db", "server", MaintenanceOwner.Server), InlineData("duckdb:./x", "external", MaintenanceOwner.External)]
    public void The_database_owns_maintenance_where_it_has_jobs(string store, string? maintenance, MaintenanceOwner owner)
        => Assert.Equal(
            owner,
            Load($$"""{ "store": "{{store}}"{{(maintenance is null ? "" : $", \"maintenance\": \"{maintenance}\"")}} }""").Maintenance);

    [Theory]
    [InlineData("duckdb:./x", "database"), InlineData("postgresql://h/db", "cron"), InlineData("postgresql://h/db", "1")]
    public void An_owner_that_can_not_be_is_refused(string store, string maintenance)
    {
        var refused = Assert.Throws<OptionsException>(() => Load($$"""{ "store": "{{store}}", "maintenance": "{{maintenance}}" }"""));
        Assert.StartsWith("maintenance:", Assert.Single(refused.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public void Origins_of_other_sites_are_listed_as_browsers_write_them()
    {
        Assert.Empty(Load("{}").Server.Cors);
        Assert.Equal(
            ["https://dashboard.example.org", "http://localhost:3000", "http://[::1]:3000"],
            Load("""{ "server": { "cors": "HTTPS://Dashboard.example.org:443; http://localhost:3000;http://[::1]:3000" } }""").Server.Cors);
    }

    [Theory]
    [InlineData("*"),
        InlineData("null"),
        InlineData("dashboard.example.org"),
        InlineData("https://dashboard.example.org/"),
        InlineData("https://dashboard.example.org/page"),
        InlineData("https://dashboard.example.org?x=1"),
        InlineData("https://me@dashboard.example.org"),
        InlineData("file:///srv")]
    public void What_is_no_origin_is_an_error(string text) => Assert.Contains(
        $"server:cors: '{text}' is not an origin, such as https://dashboard.example.org; several with ;",
        Assert.Throws<OptionsException>(() => Load($$"""{ "server": { "cors": "{{text}};http://localhost:3000" } }""")).Errors);

    [Fact]
    public void Proxies_are_trusted_by_the_networks_named_and_by_default_none_is()
    {
        Assert.Empty(Load("{}").Server.TrustedProxies);
        Assert.Equal(
            ["10.77.1.0/28", "fd00::/64"],
            Load("""{ "server": { "trusted_proxies": "10.77.1.0/28; fd00::/64" } }""").Server.TrustedProxies.Select(n => $"{n}"));
    }

    [Theory]
    [InlineData("10.77.1.2"), InlineData("proxy"), InlineData("0.0.0.0/0"), InlineData("::/0"), InlineData("10.77.1.0/33")]
    public void Proxies_that_are_no_network_or_everyone_are_refused(string text)
        => Assert.StartsWith(
            $"server:trusted_proxies: '{text}' is not a network",
            Assert.Single(
                Assert.Throws<OptionsException>(() => Load($$"""{ "server": { "trusted_proxies": "10.77.1.0/28;{{text}}" } }""")).Errors),
            StringComparison.Ordinal);

    [Fact]
    public void Peak_hours_is_one_entry_built_from_raw()
    {
        var options = Load("""
            {
              "aggregates": [
                { "name": "hourly", "bucket": "1 hour" },
                { "name": "peak_hours", "table": "peak_hours", "bucket": "1 day", "bucket_column": "day", "retention": "90d",
                  "columns": { "max_temp": "MAX(temperature)", "min_temp": "MIN(temperature)",
                  "temperature_range": "MAX(temperature) - MIN(temperature)" } },
                { "name": "daily", "bucket": "1 day" }
              ]
            }
            """);
        var peak = options.Schema.Aggregate("peak_hours");
        Assert.Null(peak.Source);
        Assert.Equal(("peak_hours", "day", TimeSpan.FromDays(90)), (peak.Table, peak.BucketColumn, peak.Retention));
        Assert.Equal(["max_temp", "min_temp", "temperature_range"], peak.ExtraColumns.Select(c => c.Name).Order());
        Assert.Equal("MAX(temperature) - MIN(temperature)", peak.ExtraColumns.Single(c => c.Name == "temperature_range").Expression);
        Assert.Equal(12, peak.Columns(options.Schema.MetricNames).Count);
        Assert.Equal("hourly", options.Schema.Aggregate("daily").Source?.Name);
    }

    [Fact]
    public void An_aggregate_is_built_from_the_coarsest_one_that_divides_it()
    {
        var schema = Load("""
            { "aggregates": [
              { "name": "monthly", "bucket": "1 month" }, { "name": "weekly", "bucket": "1 week" },
              { "name": "seven", "bucket": "7 hours" },
              { "name": "daily", "bucket": "1 day" }, { "name": "quarters", "bucket": "15 minutes" },
              { "name": "yearly", "bucket": "1 year" } ] }
            """).Schema;
        Assert.Equal(
            [
                ("quarters", null), ("seven", "quarters"), ("daily", "quarters"), ("weekly", "daily"), ("monthly", "daily"),
                ("yearly", "monthly"),
            ],
            schema.Aggregates.Select(a => (a.Name, a.Source?.Name)));
        Assert.Equal("quarters", schema.Finest.Name);
    }

    [Fact]
    public void Every_error_is_told_at_once()
    {
        var errors = Errors("""
            {
              "store": "ftp://nowhere", "chunk_interval": "1m", "compress_after": "soon", "max_skew": "0s", "real_time": "maybe",
              "colour": "blue",
              "schedule": { "refresh": "often" }, "server": { "max_body": "64MB", "max_rows": "-1", "port": 80 },
              "metrics": [
                { "name": "Wind" }, { "name": "time" }, { "name": "rain", "min": 5, "max": 1 }, { "name": "rain" },
                { "name": "sun", "min": "low" },
                { "name": "uv", "min": 0, "max": 10, "shape": { "low": -1, "high": 5 } } ],
              "aggregates": [
                { "name": "raw", "bucket": "1 hour" }, { "name": "daily", "bucket": "1d" },
                { "name": "weekly", "bucket": "1 week", "retention": "long" },
                { "name": "weekly", "bucket": "2 weeks" },
                { "name": "peaks", "bucket": "1 day", "columns": { "avg_rain": "AVG(rain)", "2nd": "1" } } ]
            }
            """);
        string[] named =
        [
            "store:", "chunk_interval: '1m'", "compress_after: 'soon'", "max_skew: '0s'", "real_time: 'maybe'", "colour: there is no "
                + "such setting", "schedule:refresh: 'often'",
            "server:max_body: '64MB'", "server:max_rows: '-1'", "server:port: there is no such setting", "metrics:0: name 'Wind'",
            "metrics:1: the name 'time' is reserved",
            "metrics:2: min 5", "metrics:3: there are two metrics 'rain'", "metrics:4:min: 'low' is not a number",
            "metrics:5:shape: low -1",
            "aggregates:0: the name 'raw' is reserved", "aggregates:1:bucket: '1d'", "aggregates:2:retention: 'long'", "aggregates:3: the "
                + "name 'weekly'",
            "aggregates:4:columns: 'avg_rain'", "aggregates:4: '2nd' is not",
        ];
        Assert.All(named, start => Assert.Contains(errors, e => e.StartsWith(start, StringComparison.Ordinal)));
        Assert.All(errors, e => Assert.DoesNotContain('\n', e));
    }

    [Fact]
    public void Never_switches_off_what_has_a_default()
    {
        var options = Load("""
            {
              "compress_after": "never", "retention": "never",
              "schedule": { "refresh": "never", "compress": "never", "retain": "0 3 * * *" }
            }
            """);
        Assert.Null(options.CompressAfter);
        Assert.Null(options.Retention);
        Assert.Equal((null, null, "0 3 * * *"), (options.Schedule.Refresh, options.Schedule.Compress, options.Schedule.Retain));
    }

    [Theory]
    [InlineData("27h", true), InlineData("26h", false)]
    public void Raw_outlives_two_buckets_a_chunk_and_the_refresh_lag(string retention, bool valid)
    {
        // Two hours, a day and, by the hour, an hour.
        var json = $$"""{ "chunk_interval": "1d", "retention": "{{retention}}", "schedule": { "refresh": "0 * * * *" } }""";
        if (valid)
        {
            Assert.Equal(TimeSpan.FromHours(27), Load(json).Retention);
        }
        else
        {
            Assert.Equal(
                ["retention: 26h is too short for aggregate hourly: two buckets, a chunk and the refresh lag need 27h"],
                Errors(json));
        }
    }

    [Fact]
    public void An_aggregate_outlives_what_is_built_from_it()
    {
        var error = Assert.Single(Errors("""
            { "aggregates": [ { "name": "hourly", "bucket": "1 hour", "retention": "2d" }, { "name": "daily", "bucket": "1 day" } ] }
            """));
        Assert.StartsWith("retention of aggregate hourly: 2d is too short for aggregate daily: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Later_layers_override_the_file_and_a_missing_file_is_named()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, """{ "store": "duckdb:./a", "max_skew": "5min" }""");
            var options = OptionsLoader.Load(file, [new("store", "duckdb:./b"), new("server:urls", null)]);
            Assert.Equal(("duckdb:./b", TimeSpan.FromMinutes(5)), (options.Store.ToString(), options.MaxSkew));
            File.WriteAllText(file, "{ \"store\": ");
            var broken = Assert.Throws<OptionsException>(() => OptionsLoader.Load(file, []));
            Assert.StartsWith(file, Assert.Single(broken.Errors), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }

        Assert.Equal([$"{file}: there is no such file"], Assert.Throws<OptionsException>(() => OptionsLoader.Load(file, [])).Errors);
    }

    [Fact]
    public void The_exception_lists_all_errors()
        => Assert.Equal("the configuration has 2 errors:\n  a\n  b", new OptionsException(["a", "b"]).Message);

    private static TidemarkOptions Load(string json)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(json));
        var configuration = new ConfigurationBuilder().AddJsonStream(stream).Build();
        return OptionsLoader.Load(configuration, configuration);
    }

    private static IReadOnlyList<string> Errors(string json) => Assert.Throws<OptionsException>(() => Load(json)).Errors;
}
