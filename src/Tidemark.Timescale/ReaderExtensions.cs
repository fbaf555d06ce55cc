using Npgsql;

namespace Tidemark.Timescale;

internal static class ReaderExtensions
{
    /// <summary>Microseconds from the domain's epoch to that of a timestamptz, 2000-01-01.</summary>
    private static readonly long PostgresEpoch = Instant.Utc(2000, 1, 1).Micros;

    /// <summary>The instant as a timestamptz holds it; the domain's ends stand for no bound.</summary>
    public static long ToPostgres(this Instant instant)
        => instant == Instant.MaxValue ? long.MaxValue : ToPostgres(instant.Micros);

    public static long ToPostgres(long micros) => micros - PostgresEpoch;

    /// <summary>A timestamptz.</summary>
    public static Instant GetInstant(this NpgsqlDataReader reader, int column) => new(reader.GetFieldValue<long>(column) + PostgresEpoch);

    public static Instant? GetInstantOrNull(this NpgsqlDataReader reader, int column)
        => reader.IsDBNull(column) ? null : reader.GetInstant(column);

    /// <summary>A bigint of microseconds since the epoch; null for NULL and for what TimescaleDB puts below the first instant.</summary>
    public static Instant? GetMicrosOrNull(this NpgsqlDataReader reader, int column)
        => reader.IsDBNull(column) || reader.GetInt64(column) < Instant.MinValue.Micros ? null : new Instant(reader.GetInt64(column));

    /// <summary>A double, NaN for NULL.</summary>
    public static double GetDoubleOrNaN(this NpgsqlDataReader reader, int column)
        => reader.IsDBNull(column) ? double.NaN : reader.GetDouble(column);

    public static void GetDoubles(this NpgsqlDataReader reader, int first, Span<double> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = reader.GetDoubleOrNaN(first + i);
        }
    }
}
