using System.Text;
using Tidemark.Store.Tests.Conformance;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>A store without a key, over HTTP.</summary>
public sealed class AppendOnlyHttpTests : IAsyncLifetime
{
    private readonly TimescaleFixture _fixture = new();
    private TimescaleDatabase _database = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = await TimescaleDatabase.CreateAsync();
        _fixture.Clock.SetUtcNow(Instant.Utc(2026, 4, 17).ToDateTimeOffset());
    }

    public async ValueTask DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Over_http_every_write_answer_tells_and_a_body_with_an_import_id_is_taken_once()
    {
        await using var served = await ServedStore.StartAsync(
            await TimescaleStore.OpenAsync(
                _fixture.Options(new StoreSettings(), _database.ConnectionString) with { AppendOnly = true },
                Token), _fixture.Clock);
        async Task<string> PostAsync(string path, string reading = """{"sensor_id":"a","time":"2026-03-08T10:00:00Z","temperature":1}""")
        {
            using var body = new StringContent(reading, Encoding.UTF8, "application/json");
            using var answer = await served.Client.PostAsync(path, body, Token);
            return await answer.Content.ReadAsStringAsync(Token);
        }

        Assert.Equal(
            """{"written":1,"replaced":0,"unchanged":0,"refused":0,"refusals":[],"append_only":true}""",
            await PostAsync("/api/readings"));
        Assert.Contains("\"written\":1,", await PostAsync("/api/readings?import_id=x"), StringComparison.Ordinal);
        Assert.Equal(
            """{"written":0,"replaced":0,"unchanged":1,"refused":0,"refusals":[],"append_only":true}""",
            await PostAsync("/api/readings?import_id=x"));
        Assert.Contains(
            "import_id has 151 characters",
            await PostAsync($"/api/readings?import_id={new string('x', 151)}"),
            StringComparison.Ordinal);
        foreach (var answer in new[] {
            await PostAsync("/api/readings?import_id=a%00b"),
            await PostAsync(
                $"/api/admin/readings?import_id={new string('x', 201)}",
                "{\"metrics\":[\"temperature\"]}\n[\"a\",1772964000000000,1]\n") })
        {
            Assert.Contains("\"status\":400", answer, StringComparison.Ordinal);
            Assert.Contains("an import id has more than 200 characters or a control character", answer, StringComparison.Ordinal);
        }

        Assert.Equal("true", (await served.GetAsync("/api/status")).Body["append_only"]!.ToJsonString());
        Assert.Equal(2, (await served.Store.RawAsync("a", TimeRange.All, Token)).Count);
    }
}
