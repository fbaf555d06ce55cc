using System.Globalization;
using Microsoft.Playwright;
using Tidemark.App.Tests.Http;

namespace Tidemark.App.Tests.Browser;

/// <summary>The charts of one sensor: any time of it found by presets, mouse, touch and keys, at the resolution that suits it.</summary>
public sealed class SensorTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        await Charts.FillAsync(_server, "boiler");
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_preset_shows_its_time_at_a_resolution_that_suits_it()
    {
        await using var visit = await Visit.OpenAsync(_server, "sensor/boiler");
        await Assertions.Expect(visit.Button("Day")).ToHaveAttributeAsync("aria-pressed", "true");
        await Assertions.Expect(visit.Notes()).ToHaveTextAsync("Readings as they came.");
        Assert.Equal(["2026-11-22 10:30:00", "20", "50"], (await visit.ValuesAsync())[0]);

        await visit.AskAsync(() => visit.Button("Month").ClickAsync());
        await Assertions.Expect(visit.Notes())
            .ToContainTextAsync("Averages of one hour with the least and the greatest value, from hourly.");
        Assert.EndsWith("#/sensor/boiler?period=1m", visit.Page.Url, StringComparison.Ordinal);
        var row = (await visit.ValuesAsync()).Single(r => r[0] == "2026-11-22 04:00:00");
        var values = Enumerable.Range(0, 6).Select(i => Charts.Temperature(0, 390 - (i * 10))).ToList();
        Assert.Equal(Math.Round(values.Average(), 3).ToString(CultureInfo.InvariantCulture), row[1]);
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"{values.Min()} … {values.Max()}"), row[2]);
        await visit.AskAsync(() => visit.Button("Hour").ClickAsync());
        Assert.Equal(6, (await visit.ValuesAsync()).Count);
    }

    [Fact]
    public async Task What_is_selected_with_the_mouse_is_shown_finer_until_a_double_click()
    {
        await using var visit = await Visit.OpenAsync(_server, "sensor/boiler?period=1m");
        await Assertions.Expect(visit.Notes()).ToContainTextAsync("from hourly");
        await visit.AskAsync(() => DragAsync(visit, 0.5, 0.6));
        await Assertions.Expect(visit.Notes()).ToHaveTextAsync("Readings as they came.");
        var (from, to) = visit.AddressRange();
        Assert.InRange((to.Micros - from.Micros) / 3_600e6, 0.09 * 31 * 24, 0.11 * 31 * 24);
        Assert.InRange((Charts.Now.Micros - from.Micros) / 86_400e6, 15, 16);

        var (x, y) = await visit.PointAsync(0.5);
        await visit.AskAsync(() => visit.Page.Mouse.DblClickAsync(x, y));
        var (widerFrom, widerTo) = visit.AddressRange();
        Assert.InRange(widerTo.Micros - widerFrom.Micros, 1.9 * (to.Micros - from.Micros), 2.1 * (to.Micros - from.Micros));
    }

    [Fact]
    public async Task The_wheel_zooms_with_Ctrl_about_the_pointer_and_scrolls_the_page_without()
    {
        await using var visit = await Visit.OpenAsync(_server, "sensor/boiler?from=2026-11-10T00:00:00Z&to=2026-11-20T00:00:00Z");
        var (x, y) = await visit.PointAsync(0);
        await visit.Page.Mouse.MoveAsync(x, y);
        await visit.Page.Keyboard.DownAsync("Control");
        await visit.AskAsync(() => visit.Page.Mouse.WheelAsync(0, -200));
        await visit.Page.Keyboard.UpAsync("Control");
        var (from, to) = visit.AddressRange();
        Assert.InRange((from - Instant.Utc(2026, 11, 10)).TotalHours, -1, 1);
        Assert.InRange((to - from).TotalDays, 3.5, 3.9);
        await visit.Page.Mouse.WheelAsync(0, -200);
        await visit.AskAsync(() => visit.Button("Earlier").ClickAsync());
        Assert.InRange((visit.AddressRange().To - visit.AddressRange().From).TotalDays, 3.5, 3.9);
    }

    [Fact]
    public async Task Shift_and_drag_moves_by_what_was_dragged()
    {
        await using var visit = await Visit.OpenAsync(_server, "sensor/boiler?from=2026-11-10T00:00:00Z&to=2026-11-11T00:00:00Z");
        await visit.Page.Keyboard.DownAsync("Shift");
        await visit.AskAsync(() => DragAsync(visit, 0.25, 0.75));
        await visit.Page.Keyboard.UpAsync("Shift");
        var (from, to) = visit.AddressRange();
        Assert.InRange((from - Instant.Utc(2026, 11, 9, 12)).TotalMinutes, -30, 30);
        Assert.Equal(1, (to - from).TotalDays, 0.01);
    }

    [Fact]
    public async Task Keys_move_and_zoom_and_lead_back_to_now()
    {
        await using var visit = await Visit.OpenAsync(_server, "sensor/boiler?from=2026-11-10T00:00:00Z&to=2026-11-18T00:00:00Z");
        await visit.DrawnAsync();
        await visit.Stage().FocusAsync();
        await visit.AskAsync(() => visit.Page.Keyboard.PressAsync("ArrowLeft"));
        Assert.Equal((Instant.Utc(2026, 11, 8), Instant.Utc(2026, 11, 16)), visit.AddressRange());
        await visit.AskAsync(() => visit.Page.Keyboard.PressAsync("+"));
        Assert.Equal((Instant.Utc(2026, 11, 10), Instant.Utc(2026, 11, 14)), visit.AddressRange());
        await visit.AskAsync(() => visit.Page.Keyboard.PressAsync("-"));
        await visit.AskAsync(() => visit.Page.Keyboard.PressAsync("ArrowRight"));
        Assert.Equal((Instant.Utc(2026, 11, 10), Instant.Utc(2026, 11, 18)), visit.AddressRange());
        await visit.AskAsync(() => visit.Page.Keyboard.PressAsync("End"));
        Assert.EndsWith("period=1m", visit.Page.Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_finger_moves_and_two_zoom()
    {
        await using var visit = await Visit.OpenAsync(
            _server, "sensor/boiler?from=2026-11-10T00:00:00Z&to=2026-11-14T00:00:00Z", width: 390);
        var touch = await visit.Context.NewCDPSessionAsync(visit.Page);
        await visit.AskAsync(() => TouchAsync(visit, touch, [0.5], [1.0]));
        var (from, to) = visit.AddressRange();
        Assert.InRange((from - Instant.Utc(2026, 11, 8)).TotalHours, -3, 12);
        Assert.Equal(4, (to - from).TotalDays, 0.01);
        await visit.AskAsync(() => TouchAsync(visit, touch, [0.4, 0.6], [0.1, 0.9]));
        Assert.InRange((visit.AddressRange().To - visit.AddressRange().From).TotalDays, 0.9, 1.3);
    }

    [Fact]
    public async Task A_gap_is_a_gap_in_readings_and_in_buckets()
    {
        await using var visit = await Visit.OpenAsync(
            _server, "sensor/boiler?metric=temperature&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z");
        var (from, to) = (Instant.Utc(2026, 11, 20), Instant.Utc(2026, 11, 21));
        Assert.Equal(0, await visit.InkAsync(Instant.Utc(2026, 11, 20, 12, 5), Instant.Utc(2026, 11, 20, 17, 45), from, to));
        Assert.NotEqual(0, await visit.InkAsync(Instant.Utc(2026, 11, 20, 6), Instant.Utc(2026, 11, 20, 8), from, to));

        await visit.GoAsync("sensor/boiler?metric=temperature&from=2026-11-08T00:00:00Z&to=2026-11-22T00:00:00Z");
        await visit.Notes().GetByText("from hourly").WaitForAsync();
        (from, to) = (Instant.Utc(2026, 11, 8), Instant.Utc(2026, 11, 22));
        Assert.Equal(0, await visit.InkAsync(Instant.Utc(2026, 11, 20, 11, 30), Instant.Utc(2026, 11, 20, 17, 30), from, to));
        Assert.NotEqual(0, await visit.InkAsync(Instant.Utc(2026, 11, 20, 1), Instant.Utc(2026, 11, 20, 7), from, to));
    }

    [Fact]
    public async Task A_link_shows_the_same_to_another_reader()
    {
        await using var visit = await Visit.OpenAsync(_server, "sensor/boiler?period=1w");
        await visit.AskAsync(() => visit.Chip("humidity").ClickAsync());
        await visit.AskAsync(() => visit.Button("Earlier").ClickAsync());
        await visit.AskAsync(() => visit.Button("Zoom in").ClickAsync());
        await using var other = await Visit.OpenAsync(_server, visit.Address());
        await other.DrawnAsync();
        Assert.Equal(await visit.CsvAsync(), await other.CsvAsync());
        Assert.Equal(await visit.ValuesAsync(), await other.ValuesAsync());
        await Assertions.Expect(other.Chip("humidity")).ToHaveAttributeAsync("aria-pressed", "false");
    }

    [Fact]
    public async Task The_CSV_is_the_answer_to_the_question_that_is_shown()
    {
        await using var visit = await Visit.OpenAsync(
            _server, "sensor/boiler?from=2026-11-01T00:00:00Z&to=2026-11-07T00:00:00Z&metric=temperature");
        var values = await visit.ValuesAsync();
        await visit.PictureAsync("sensor-values");
        var address = await visit.CsvAsync();
        var question = Charts.Query(address);
        Assert.Equal(
            ("boiler", "temperature", "avg,min,max", "2026-11-01T00:00:00.000Z", "2026-11-07T00:00:00.000Z", "csv"),
            (question["sensors"], question["metrics"], question["fn"], question["from"], question["to"], question["format"]));
        var lines = (await _server.Client.GetStringAsync(address)).Trim().Split('\n').Skip(1).Reverse().ToList();
        Assert.Equal(values.Select(v => v[0]), lines.Take(200).Select(l => l[..19].Replace('T', ' ')));
    }

    [Fact]
    public async Task A_picture_can_be_kept()
    {
        await using var visit = await Visit.OpenAsync(_server, "sensor/boiler?period=1w");
        await visit.DrawnAsync();
        var download = await visit.Page.RunAndWaitForDownloadAsync(() => visit.Button("PNG").ClickAsync());
        Assert.Equal("boiler.png", download.SuggestedFilename);
        await using var stream = await download.CreateReadStreamAsync();
        var head = new byte[8];
        await stream.ReadExactlyAsync(head);
        Assert.Equal([0x89, .. "PNG\r\n\u001a\n"u8], head);
    }

    [Fact]
    public async Task Late_readings_are_told_until_the_refresh_has_taken_them()
    {
        await using var visit = await Visit.OpenAsync(_server, "sensor/boiler?period=1m");
        await visit.Notes().GetByText("Materialised until 2026-11-22 10:00:00").WaitForAsync();
        await Assertions.Expect(visit.Notes()).Not.ToContainTextAsync("Late readings");
        await _server.WriteAsync("""{"sensor_id":"boiler","time":"2026-11-20T13:00:00Z","temperature":70}""");
        await Assertions.Expect(visit.Notes())
            .ToContainTextAsync("Late readings wait for the next refresh of hourly", new() { Timeout = 40_000 });
        await visit.PictureAsync("sensor-late");
        await visit.ExpectAccessibleAsync();
        await _server.RefreshAsync();
        await visit.AskAsync(() => visit.Button("Month").ClickAsync());
        await Assertions.Expect(visit.Notes()).Not.ToContainTextAsync("Late readings");
        Assert.Contains(await visit.ValuesAsync(), row => row[0] == "2026-11-20 13:00:00" && row[1] == "70");
    }

    [Fact]
    public async Task Readings_show_as_they_are_committed()
    {
        await using var visit = await Visit.OpenAsync(_server, "sensor/boiler?period=1h");
        await Assertions.Expect(visit.Chip("temperature")).ToHaveTextAsync("temperature 20\u00a0°C");
        _server.Clock.Advance(TimeSpan.FromMinutes(10));
        await visit.Page.RunAndWaitForResponseAsync(
            () => visit.Page.ReloadAsync(), r => r.Url.Contains("/api/live", StringComparison.Ordinal));
        await visit.ValuesAsync();
        await _server.WriteAsync("""{"sensor_id":"boiler","time":"2026-11-22T10:40:00Z","temperature":-7.5}""");
        await Assertions.Expect(visit.Chip("temperature")).ToHaveTextAsync("temperature -7.5\u00a0°C", new() { Timeout = 10_000 });
        await Assertions.Expect(visit.Page.Locator("details.values tbody tr").First).ToHaveTextAsync("2026-11-22 10:40:00-7.5–");
    }

    [Fact]
    public async Task Ids_of_any_kind_have_charts()
    {
        const string Id = @"a,b\c*/d?e=f&g# ö";
        await Charts.FillAsync(_server, Id);
        await using var visit = await Visit.OpenAsync(_server, $"sensor/{Uri.EscapeDataString(Id)}");
        Assert.Equal("20", (await visit.ValuesAsync())[0][1]);
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Heading, new() { Name = Id })).ToBeVisibleAsync();
        await visit.Page.GetByRole(AriaRole.Link, new() { Name = "Compare" }).ClickAsync();
        await Assertions.Expect(visit.Page.Locator(".legend a")).ToHaveTextAsync(Id);
        Assert.Contains("20", (await _server.Client.GetStringAsync(await visit.CsvAsync())), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sensor_that_is_not_there_is_told()
    {
        await using var visit = await Visit.OpenAsync(_server, "sensor/nobody", expected: "status of 404");
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("there is no sensor 'nobody'");
    }

    private static async Task DragAsync(Visit visit, double from, double to)
    {
        var ((x, y), (end, _)) = (await visit.PointAsync(from), await visit.PointAsync(to));
        await visit.Page.Mouse.MoveAsync(x, y);
        await visit.Page.Mouse.DownAsync();
        await visit.Page.Mouse.MoveAsync((x + end) / 2, y);
        await visit.Page.Mouse.MoveAsync(end, y);
        await visit.Page.Mouse.UpAsync();
    }

    private static async Task TouchAsync(Visit visit, ICDPSession touch, double[] from, double[] to)
    {
        const int Steps = 8;
        for (var step = 0; step <= Steps; step++)
        {
            var points = new List<object>();
            for (var i = 0; i < from.Length; i++)
            {
                var (x, y) = await visit.PointAsync(from[i] + ((to[i] - from[i]) * step / Steps));
                points.Add(new { x, y, id = i });
            }

            await SendAsync(step == 0 ? "touchStart" : "touchMove", points);
        }

        await SendAsync("touchEnd", []);

        Task SendAsync(string type, List<object> touchPoints) => touch.SendAsync(
            "Input.dispatchTouchEvent", new Dictionary<string, object> { ["type"] = type, ["touchPoints"] = touchPoints });
    }
}
