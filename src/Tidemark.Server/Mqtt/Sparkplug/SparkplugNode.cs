namespace Tidemark.Server.Mqtt.Sparkplug;

/// <summary>What the births of an edge node and its devices told. Aliases are one node's.</summary>
internal sealed class SparkplugNode
{
    // No longer name gives a metric.
    private const int LongestName = 256;

    private readonly Dictionary<ulong, string> _aliases = [];
    private readonly Dictionary<(string Sensor, string Metric), uint> _types = [];
    private ulong _next;

    /// <summary>Whether its birth was seen and it has not died since.</summary>
    public bool IsBorn { get; private set; }

    /// <summary>Tells which connection of the node a death is of.</summary>
    public ulong? BirthNumber { get; private set; }

    /// <summary>How many metrics births told.</summary>
    public int Metrics => _types.Count;

    /// <summary>When a birth was last asked for.</summary>
    public Instant? Asked { get; set; }

    public void Begin(ulong? birthNumber, ulong seq)
    {
        _aliases.Clear();
        _types.Clear();
        (IsBorn, BirthNumber, _next, Asked) = (true, birthNumber, seq + 1, null);
    }

    public void End() => IsBorn = false;

    /// <returns>False when a message is missing before this one.</returns>
    public bool TryFollow(ulong? seq)
    {
        var follows = seq is null || seq % 256 == _next % 256;
        _next = (seq ?? _next) + 1;
        return follows;
    }

    public void Learn(string sensor, PayloadMetric metric)
    {
        if (metric.HasName && metric.Name.Length <= LongestName)
        {
            _types[(sensor, metric.Name)] = metric.Datatype;
            if (metric.HasAlias)
            {
                _aliases[metric.Alias] = metric.Name;
            }
        }
    }

    /// <returns>Null when no birth told the alias.</returns>
    public string? NameOf(PayloadMetric metric)
        => metric is { HasName: true, Name.Length: > 0 } ? metric.Name : metric.HasAlias ? _aliases.GetValueOrDefault(metric.Alias) : null;

    /// <summary>As said in the message, else at birth; 0 when nobody said.</summary>
    public uint TypeOf(string sensor, string name, PayloadMetric metric)
        => metric.HasDatatype ? metric.Datatype : _types.GetValueOrDefault((sensor, name));
}
