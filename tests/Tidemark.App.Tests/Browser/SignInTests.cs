using Microsoft.Playwright;
using Tidemark.App.Tests.Http;
using Tidemark.Server.Keys;

namespace Tidemark.App.Tests.Browser;

/// <summary>The page of a server with keys.</summary>
public sealed class SignInTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tidemark-signin-").FullName;
    private KeyFile _keys = null!;
    private string _read = null!;
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        var path = Path.Combine(_folder, "keys.json");
        _keys = new KeyFile(path);
        _read = _keys.Add("dashboard", [Scope.Read], Instant.Utc(2026, 11, 1));
        _server = await RunningServer.StartAsync(("server:keys", path));
        await _server.Store.WriteAsync(OneReading(_server), CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_key_is_asked_for_once_and_the_view_that_was_wanted_comes_after_it()
    {
        await using var visit = await OpenAsync("store");
        await visit.ExpectAccessibleAsync();
        await visit.PictureAsync("sign-in");
        await SignInAsync(visit, _read + "x");
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("the key is not valid: it was mistyped or revoked");
        await SignInAsync(visit, _read);
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Heading, new() { Name = "Store" })).ToBeVisibleAsync();
        await visit.Page.ReloadAsync();
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Heading, new() { Name = "Store" })).ToBeVisibleAsync();
        var cookie = Assert.Single(await visit.Context.CookiesAsync());
        Assert.Equal((true, SameSiteAttribute.Strict), (cookie.HttpOnly, cookie.SameSite));
        Assert.Equal("", await visit.Page.EvaluateAsync<string>("document.cookie"));
        var stored = await visit.Page.EvaluateAsync<string>("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)");
        Assert.DoesNotContain(_read, stored, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_scope_read_nothing_is_shown()
    {
        var write = _keys.Add("gateway", [Scope.Write], Instant.Utc(2026, 11, 2));
        await using var visit = await OpenAsync("");
        await SignInAsync(visit, write);
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Alert))
            .ToHaveTextAsync("the key 'gateway' is for write only: the page needs one with the scope read");
        Assert.DoesNotContain("boiler-7", await visit.Page.ContentAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_signs_out_sees_nothing_any_more_and_so_does_who_has_a_revoked_key()
    {
        await using var visit = await OpenAsync("");
        await SignInAsync(visit, _read);
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Link, new() { Name = "boiler-7" })).ToBeVisibleAsync();
        await visit.Page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Assertions.Expect(visit.Page.GetByLabel("Key")).ToBeVisibleAsync();
        Assert.Empty(await visit.Context.CookiesAsync());

        await SignInAsync(visit, _read);
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Link, new() { Name = "boiler-7" })).ToBeVisibleAsync();
        _keys.Revoke("dashboard");
        // The page asks by itself, and finds out.
        await Assertions.Expect(visit.Page.GetByLabel("Key")).ToBeVisibleAsync(new() { Timeout = 30_000 });
        await Assertions.Expect(visit.Page.GetByRole(AriaRole.Link, new() { Name = "boiler-7" })).ToHaveCountAsync(0);
    }

    private async Task<Visit> OpenAsync(string view)
    {
        var visit = await Visit.OpenAsync(_server, view, expected: "the server responded with a status of 40");
        await visit.Page.GetByLabel("Key").WaitForAsync();
        return visit;
    }

    private static async Task SignInAsync(Visit visit, string key)
    {
        await visit.Page.GetByLabel("Key").FillAsync(key);
        await visit.Page.Keyboard.PressAsync("Enter");
    }

    private static ReadingBatch OneReading(RunningServer server)
    {
        var batch = new ReadingBatch(server.Store.Schema.MetricNames, 1);
        batch.Add("boiler-7", Instant.Utc(2026, 11, 22, 10), [61.5, double.NaN, double.NaN]);
        return batch;
    }
}
