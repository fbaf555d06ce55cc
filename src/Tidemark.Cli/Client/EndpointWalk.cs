using System.Text.Json;

namespace Tidemark.Cli.Client;

/// <param name="SensorId">Whose series were asked for: the first sensor listed.</param>
/// <param name="Metric">The metric to compare: temperature, or the first one.</param>
/// <param name="Answers">In the order asked.</param>
internal sealed record WalkResult(string SensorId, string Metric, IReadOnlyList<ApiAnswer> Answers);

/// <summary>Visits every endpoint once, the way a first-time user would.</summary>
internal static class EndpointWalk
{
    private const string FavouriteMetric = "temperature";

    /// <exception cref="CommandFailedException">No server, an unhealthy one, or one without a sensor.</exception>
    public static async Task<WalkResult> RunAsync(ApiClient client, CancellationToken cancellationToken)
    {
        var health = await AskAsync(client, "/api/health", cancellationToken);
        var sensors = await AskAsync(client, "/api/sensors", cancellationToken);
        var first = sensors.Body.GetProperty("sensors").EnumerateArray().Select(s => s.GetProperty("sensor_id").GetString()!)
            .FirstOrDefault()
            ?? throw new CommandFailedException("the store has no readings yet: write some with tidemark generate or tidemark import");
        var id = Uri.EscapeDataString(first);
        var current = await AskAsync(client, $"/api/sensors/{id}/current", cancellationToken);
        var answers = new List<ApiAnswer> { health, sensors, current };
        string[] others =
        [
            $"/api/sensors/{id}/raw?period=1d",
            $"/api/sensors/{id}/hourly?period=1w",
            $"/api/sensors/{id}/daily?period=1m",
            $"/api/sensors/{id}/monthly?period=1y",
            $"/api/stats/performance?sensor_id={id}",
        ];
        foreach (var path in others)
        {
            answers.Add(await client.GetAsync(path, cancellationToken));
        }

        return new WalkResult(first, MetricOf(current.Body), answers);
    }

    private static async Task<ApiAnswer> AskAsync(ApiClient client, string path, CancellationToken cancellationToken)
    {
        var answer = await client.GetAsync(path, cancellationToken);
        return answer.IsSuccess ? answer : throw new CommandFailedException($"{client.Server}{path}: {answer.Error}");
    }

    private static string MetricOf(JsonElement current)
    {
        var metrics = current.EnumerateObject().Select(member => member.Name).Except(["time", "sensor_id"]).ToList();
        return metrics.Contains(FavouriteMetric) ? FavouriteMetric : metrics[0];
    }
}
