using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Tidemark.Configuration;

namespace Tidemark.Tests.Configuration;

public sealed class StoredConfigurationTests
{
    private const string Wind = """
        {
          "store": "postgresql://h/d", "chunk_interval": "1d", "compress_after": "never", "retention": "400d",
          "real_time": false, "append_only": true, "maintenance": "server",
          "metrics": [{ "name": "wind", "min": 0.1, "max": 1e20 }, { "name": "temperature" }],
          "aggregates": [
            {
              "name": "gusts", "bucket": "24 hours", "table": "gusts", "bucket_column": "day",
              "columns": { "top": "max(wind)", "low": "min(wind)" }
            },
            { "name": "hourly", "bucket": "60 minutes", "retention": "90d" }
          ]
        }
        """;

    [Fact]
    public void What_a_store_keeps_gives_the_same_settings_again()
    {
        var options = Load(Wind);
        var stored = StoredConfiguration.Of(options);
        Assert.Empty(StoredConfiguration.Compare(stored, options));
        var again = OptionsLoader.Load(null, [new("store", "postgresql://h/d")], stored);
        Assert.Equal(OptionsWriter.ToJson(options), OptionsWriter.ToJson(again));
    }

    [Fact]
    public void Only_settings_of_a_store_are_kept()
        => Assert.Equal(
            ["chunk_interval", "compress_after", "retention", "real_time", "append_only", "maintenance", "metrics", "aggregates"],
            JsonNode.Parse(StoredConfiguration.Of(Load("""{ "key": "tmk_secret", "store": "postgresql://me:secret@h/d" }""")))!.AsObject()
                .Select(member => member.Key));

    [Theory]
    [InlineData("""{ "aggregates": [{ "name": "daily", "bucket": "1 day" }] }""", "daily")]
    [InlineData("""{ "retention": "90d" }""", "gusts,hourly")]
    public void A_list_that_is_said_replaces_the_stores_whole(string said, string aggregates)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, said);
            var schema = OptionsLoader.Load(file, [new("store", "postgresql://h/d")], StoredConfiguration.Of(Load(Wind))).Schema;
            Assert.Equal(aggregates, string.Join(',', schema.Aggregates.Select(a => a.Name).Order()));
            Assert.Equal(["wind", "temperature"], schema.Metrics.Select(m => m.Name));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("\"retention\": \"400d\"", "\"retention\": \"never\"", "retention never instead of 400d")]
    [InlineData("\"real_time\": false", "\"real_time\": true", "real_time true instead of false")]
    [InlineData("\"min\": 0.1, ", "", "metric wind with min none instead of 0.1 and shape:low 0 instead of 0.1")]
    [InlineData("{ \"name\": \"temperature\" }", "{ \"name\": \"humidity\" }", "metric humidity added; metric temperature left out")]
    [InlineData("\"low\": \"min(wind)\"", "\"low\": \"max(wind)\"", "aggregate gusts with columns:low max(wind) instead of min(wind)")]
    [InlineData(", \"low\": \"min(wind)\"", "", "aggregate gusts with columns:low none instead of min(wind)")]
    [InlineData("\"24 hours\"", "\"1 week\"", "aggregate gusts with bucket 7 days instead of 1 day")]
    [InlineData("\"60 minutes\"", "\"1 hour\"", "")]
    [InlineData("[{ \"name\": \"wind\", \"min\": 0.1, \"max\": 1e20 }, { \"name\": \"temperature\" }]",
        "[{ \"name\": \"temperature\" }, { \"name\": \"wind\", \"min\": 0.1, \"max\": 1e20 }]", "metrics in another order")]
    public void Each_difference_is_named(string before, string after, string differences)
    {
        var changed = Wind.Replace(before, after, StringComparison.Ordinal);
        Assert.NotEqual(Wind, changed);
        var changes = StoredConfiguration.Compare(StoredConfiguration.Of(Load(Wind)), Load(changed));
        Assert.Equal(differences, string.Join("; ", changes.Select(c => c.Change)));
    }

    private static TidemarkOptions Load(string json)
        => OptionsLoader.Load(new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build());
}
