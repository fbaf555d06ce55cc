namespace Tidemark.Store.Tests.Conformance;

/// <summary>Clause 13: small texts beside readings.</summary>
public abstract class DocumentSuite(IStoreFixture fixture) : StoreSuite(fixture)
{
    private Task<bool> WriteAsync(StoredDocument? expected, params StoredDocument[] documents)
        => Store.WriteDocumentsAsync(documents, expected, Token);

    private async Task<string> TextAsync(string prefix = "", string after = "", int limit = 100)
        => string.Join(' ', (await Store.ReadDocumentsAsync(prefix, after, limit, Token)).Select(d => $"{d.Name}={d.Text}"));

    [Fact]
    public async Task They_are_written_replaced_and_taken_away_and_survive_reopening()
    {
        Assert.Equal("", await TextAsync());
        Assert.True(await WriteAsync(null, new("a/1", "one"), new("a/2", ""), new("b", "{\"ü\":\"'x'\\n\"}"), new("a/1", "last")));
        Assert.Equal("a/1=last a/2= b={\"ü\":\"'x'\\n\"}", await TextAsync());
        Assert.True(await WriteAsync(null, new("a/2", null), new("a/3", "three"), new("none", null)));
        Assert.True(await WriteAsync(null));
        await OpenAsync();
        Assert.Equal("a/1=last a/3=three b={\"ü\":\"'x'\\n\"}", await TextAsync());
    }

    [Fact]
    public async Task They_are_read_by_prefix_in_pages_and_ordered_by_code_points()
    {
        string[] names = ["a/%", "a/B", "a/_", "a/b", "a/é", "a/\uFFFD", "a/\U0001F600", "b/1"];
        Assert.True(await WriteAsync(null, [.. names.Reverse().Select(n => new StoredDocument(n, "x"))]));
        var read = new List<string>();
        var after = "";
        while (await Store.ReadDocumentsAsync("a/", after, 3, Token) is { Count: > 0 } page)
        {
            Assert.InRange(page.Count, 1, 3);
            read.AddRange(page.Select(d => d.Name));
            after = page[^1].Name;
        }

        Assert.Equal(names[..^1], read);
        Assert.Equal("a/%=x", await TextAsync("a/%"));
        Assert.Equal("a/_=x", await TextAsync("a/_"));
    }

    [Fact]
    public async Task Nothing_is_written_unless_another_one_is_as_expected()
    {
        Assert.False(await WriteAsync(new("lease", "mine"), new("lease", "mine again"), new("a", "x")));
        Assert.True(await WriteAsync(new("lease", null), new("lease", "mine"), new("a", "1")));
        Assert.False(await WriteAsync(new("lease", null), new("lease", "theirs"), new("a", "2")));
        Assert.False(await WriteAsync(new("lease", "theirs"), new StoredDocument("a", null)));
        Assert.Equal("a=1 lease=mine", await TextAsync());
        Assert.True(await WriteAsync(new("lease", "mine"), new("lease", null), new("a", "3")));
        Assert.Equal("a=3", await TextAsync());
    }

    [Fact]
    public async Task Of_many_that_expect_the_same_one_writes()
    {
        var taken = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(i => WriteAsync(new("lease", null), new StoredDocument("lease", $"{i}"))));
        Assert.Equal(1, taken.Count(t => t));
        Assert.Equal($"lease={Array.IndexOf(taken, true)}", await TextAsync());
    }
}
