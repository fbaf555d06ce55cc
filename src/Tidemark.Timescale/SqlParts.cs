using Npgsql;
using NpgsqlTypes;

namespace Tidemark.Timescale;

/// <summary>
/// The parameters of a statement that is being put together: each value gets its number. Watermarks, which stay for a while, stand in
/// the text: so a prepared plan leaves out the chunks on their other side.
/// </summary>
internal sealed class SqlParts(StoreState? state = null)
{
    private readonly List<NpgsqlParameter> _parameters = [];
    private string? _sensor;

    public string Add(Instant instant)
        => state is not null && state.Aggregates.Any(a => a.Watermark == instant || a.Fleet == instant)
            ? TimescaleSql.Literal(instant)
            : Add(NpgsqlDbType.TimestampTz, instant.ToPostgres());

    public string Add(string text) => Add(NpgsqlDbType.Text, text);

    public string Add(long number) => Add(NpgsqlDbType.Bigint, number);

    public string Add(long[] numbers) => Add(NpgsqlDbType.Array | NpgsqlDbType.Bigint, numbers);

    public string Add(string[] texts) => Add(NpgsqlDbType.Array | NpgsqlDbType.Text, texts);

    /// <summary>The sensor that the whole statement is about, one parameter however often it stands there.</summary>
    public string Sensor(string sensorId) => _sensor ??= Add(sensorId);

    public NpgsqlBatchCommand ToBatchCommand(string sql)
    {
        var command = new NpgsqlBatchCommand(sql);
        command.Parameters.AddRange(_parameters.ToArray());
        return command;
    }

    private string Add<T>(NpgsqlDbType type, T value)
    {
        _parameters.Add(new NpgsqlParameter<T> { NpgsqlDbType = type, TypedValue = value });
        return $"${_parameters.Count}";
    }
}
