namespace Tidemark.Server.Alerts;

internal enum DeliveryOutcome
{
    Delivered,

    /// <summary>It may be taken later.</summary>
    Failed,

    /// <summary>The receiver doesn't take this message.</summary>
    Refused,

    /// <summary>The receiver wants no more.</summary>
    Gone,
}

/// <param name="Outcome">What became of an attempt.</param>
/// <param name="Error">One line; null when it was delivered.</param>
/// <param name="RetryAfter">When the receiver wants to be asked again; null when it doesn't say.</param>
internal sealed record Delivery(DeliveryOutcome Outcome, string? Error = null, TimeSpan? RetryAfter = null)
{
    public static readonly Delivery Done = new(DeliveryOutcome.Delivered);

    public static Delivery Fail(string error) => new(DeliveryOutcome.Failed, error.ReplaceLineEndings(" "));
}

/// <param name="Name">As rules name it.</param>
/// <param name="Address">For people, without what may be a secret, such as a path.</param>
/// <param name="SendAsync">Tries once; throws only when cancelled.</param>
internal sealed record AlertReceiver(string Name, string Address, Func<AlertMessage, CancellationToken, Task<Delivery>> SendAsync);
