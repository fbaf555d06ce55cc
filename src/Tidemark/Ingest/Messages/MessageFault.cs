namespace Tidemark.Ingest.Messages;

/// <summary>Why a message is no reading, or not all of its readings are taken.</summary>
/// <param name="Reason">What faults are counted by, one of the constants here.</param>
/// <param name="Error">One line.</param>
public sealed record MessageFault(string Reason, string Error)
{
    /// <summary>The payload does not have the form that the topic's rule expects.</summary>
    public const string Payload = "payload";

    /// <summary>No sensor or metric can be named so.</summary>
    public const string Name = "name";

    public const string Time = "time";

    /// <summary>A value or time is outside what is taken in, or the store takes no more sensors or metrics.</summary>
    public const string Reading = "reading";

    /// <summary>A Sparkplug message uses what no birth has told.</summary>
    public const string Birth = "birth";

    /// <summary>Its sender's key is not for writing.</summary>
    public const string Key = "key";

    /// <summary>It came at most once and found no room.</summary>
    public const string Overload = "overload";
}
