using System.Globalization;
using System.Text;
using Tidemark.App.Tests.Http;

namespace Tidemark.App.Tests.Browser;

/// <summary>Sensors for the page to show.</summary>
internal static class Fleet
{
    /// <summary>Sensors <c>sensor_0001</c> and so on, each with a reading every five minutes of the last hour, all different.</summary>
    public static async Task FillAsync(RunningServer server, int sensors)
    {
        var now = Instant.From(server.Clock.GetUtcNow());
        var lines = new StringBuilder();
        for (var s = 1; s <= sensors; s++)
        {
            for (var minute = 60; minute >= 0; minute -= 5)
            {
                var time = new Instant(now.Micros - (minute * 60_000_000L));
                lines.AppendLine(CultureInfo.InvariantCulture, $$"""
                    {"sensor_id":"{{Id(s)}}","time":"{{time}}","temperature":{{Temperature(s, minute)}},"humidity":{{40 + (s % 50)}}}
                    """);
            }
        }

        await server.WriteAsync(lines.ToString(), "application/x-ndjson");
        await server.RefreshAsync();
    }

    public static string Id(int sensor) => string.Create(CultureInfo.InvariantCulture, $"sensor_{sensor:D4}");

    public static double Temperature(int sensor, int minutesAgo) => Math.Round((sensor % 37) + (minutesAgo / 100.0), 2);
}
