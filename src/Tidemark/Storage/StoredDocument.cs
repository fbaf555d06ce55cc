namespace Tidemark.Storage;

/// <summary>A small text that is kept with a store, beside readings.</summary>
/// <param name="Name">Up to 300 characters.</param>
/// <param name="Text">Null for one that isn't there.</param>
public sealed record StoredDocument(string Name, string? Text);
