namespace Tidemark.App.Tests.Http;

/// <summary>Ranges at the ends of time, and buckets wider than what is usually asked for.</summary>
public sealed class WideRangeTests
{
    [Theory]
    [InlineData("hourly"), InlineData("daily"), InlineData("monthly")]
    public async Task The_first_and_the_last_day_are_empty(string aggregate)
    {
        await using var server = await StartAsync(("metrics:0:name", "temperature"));
        foreach (var range in new[] {
            "from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z",
            "from=9999-12-31T00:00:00Z",
            "from=9999-12-30T00:00:00Z&to=9999-12-31T00:00:00Z" })
        {
            Assert.Equal(0, (await server.GetAsync($"/api/sensors/a/{aggregate}?{range}"))["data_points"]!.GetValue<int>());
            Assert.Equal(0, (await server.GetAsync($"/api/fleet/{aggregate}?{range}"))["data_points"]!.GetValue<int>());
        }

        Assert.Equal(2, (await server.GetAsync($"/api/sensors/a/{aggregate}?from=0001-01-01T00:00:00Z"))["data_points"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("1 day", "1m", 1),
        InlineData("1 week", "1y", 1),
        InlineData("1 month", "1y", 1),
        InlineData("3 months", "3y", 1),
        InlineData("1 year", "12y", 1)]
    [InlineData("5 years", "60y", 2),
        InlineData("30 years", "100y", 1),
        InlineData("500 years", "100y", 1),
        InlineData("520 weeks", "100y", 2)]
    public async Task By_default_several_buckets_are_asked_for(string bucket, string period, int buckets)
    {
        await using var server = await StartAsync(("aggregates:0:name", "wide"), ("aggregates:0:bucket", bucket));
        var answer = await server.GetAsync("/api/sensors/a/wide");
        Assert.Equal(period, answer["period"]!.GetValue<string>());
        Assert.Equal(buckets, answer["data_points"]!.GetValue<int>());
        foreach (var range in new[] { "period=100y", "from=0001-01-01T00:00:00Z" })
        {
            Assert.NotEqual(0, (await server.GetAsync($"/api/sensors/a/wide?{range}"))["data_points"]!.GetValue<int>());
            Assert.NotEqual(0, (await server.GetAsync($"/api/fleet/wide?{range}"))["data_points"]!.GetValue<int>());
        }
    }

    /// <summary>A reading of this month and one of a bucket that closed long ago.</summary>
    private static async Task<RunningServer> StartAsync(params (string, string)[] settings)
    {
        var server = await RunningServer.StartAsync(settings);
        await server.WriteAsync("""{"sensor_id":"a","time":"2026-11-01T10:00:00Z","temperature":21}""");
        await server.WriteAsync("""{"sensor_id":"a","time":"2001-02-01T10:00:00Z","temperature":20}""");
        await server.RefreshAsync();
        return server;
    }
}
