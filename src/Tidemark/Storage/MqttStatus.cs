namespace Tidemark.Storage;

/// <summary>How messages by MQTT become readings, since the server's start.</summary>
/// <param name="Listening">Where the server is a broker.</param>
/// <param name="Clients">How many the broker has.</param>
/// <param name="Brokers">Those that the server subscribes to.</param>
/// <param name="Messages">Messages of topics that a rule is for.</param>
/// <param name="Readings">Readings that were made of them and are durable.</param>
/// <param name="Waiting">Messages that came and are not acknowledged yet.</param>
/// <param name="Retained">Messages passed over because a broker had kept them from before.</param>
/// <param name="StoreError">Why nothing is written now; null when the store takes readings.</param>
/// <param name="Refused">Messages that were not read, or not all of whose readings were taken, by reason.</param>
/// <param name="LastRefused">The last hundred of them, the newest first.</param>
public sealed record MqttStatus(
    IReadOnlyList<string> Listening,
    int Clients,
    IReadOnlyList<MqttBrokerStatus> Brokers,
    long Messages,
    long Readings,
    long Waiting,
    long Retained,
    string? StoreError,
    IReadOnlyDictionary<string, long> Refused,
    IReadOnlyList<RefusedMessage> LastRefused);

/// <param name="Address">Where it is.</param>
/// <param name="Connected">Whether the server is connected now.</param>
/// <param name="Since">When it last connected or lost the connection.</param>
/// <param name="Connections">How often it connected.</param>
/// <param name="Error">Why it is not connected, or what the broker did not grant.</param>
public sealed record MqttBrokerStatus(string Address, bool Connected, Instant Since, long Connections, string? Error);

/// <param name="Time">When it came.</param>
/// <param name="Topic">At most 200 characters of it.</param>
/// <param name="Reason">What it is counted by.</param>
/// <param name="Error">One line.</param>
public sealed record RefusedMessage(Instant Time, string Topic, string Reason, string Error);
