using System.Net;
using System.Text;
using System.Text.Json;
using Tidemark.App.Tests.Deploy;

namespace Tidemark.App.Tests.Http;

/// <summary>Decode cases, of this project and of any file in the form of influxdata/line-protocol-corpus, as bodies.</summary>
public sealed class DecodeCaseTests
{
    [Fact]
    public Task Our_own_cases_are_answered()
        => CheckAsync(Repository.PathOf("tests/Tidemark.Tests/Ingest/LineProtocol/decode-cases.ndjson"));

    [Fact]
    public Task The_cases_of_a_file_are_answered()
    {
        var file = Environment.GetEnvironmentVariable("TIDEMARK_TEST_LINE_PROTOCOL");
        Assert.SkipWhen(string.IsNullOrEmpty(file), "TIDEMARK_TEST_LINE_PROTOCOL names no file of decode cases");
        return CheckAsync(file);
    }

    /// <summary>A text with an error is refused and says so; whatever is sent is no fault of the server's.</summary>
    private static async Task CheckAsync(string file)
    {
        await using var server = await RunningServer.StartAsync();
        var (count, failures) = (0, new List<string>());
        foreach (var line in File.ReadLines(file))
        {
            count++;
            var decode = JsonDocument.Parse(line).RootElement;
            var precision = decode.GetProperty("precision").GetString()!.TrimStart('1');
            using var content = new ByteArrayContent(Bytes(decode.GetProperty("text")));
            using var answer = await server.Client.PostAsync($"/api/v2/write?precision={Uri.EscapeDataString(precision)}", content);
            var isRefused = answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity;
            if (!isRefused && (answer.StatusCode != HttpStatusCode.NoContent || decode.GetProperty("error").GetBoolean()))
            {
                failures.Add($"line {count}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
            }
        }

        Assert.NotEqual(0, count);
        Assert.True(failures.Count == 0, $"{failures.Count} of {count} cases fail\n{string.Join('\n', failures.Take(10))}");
    }

    private static byte[] Bytes(JsonElement text) => text.ValueKind == JsonValueKind.String
        ? Encoding.UTF8.GetBytes(text.GetString()!)
        : text.GetProperty("binary").GetBytesFromBase64();
}
