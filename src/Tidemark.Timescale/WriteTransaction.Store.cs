using Npgsql;
using NpgsqlTypes;

namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    private sealed partial class WriteTransaction
    {
        /// <summary>Copies readings of which none is stored; one that is fails the whole.</summary>
        private void Copy(NpgsqlConnection connection, List<int> rows)
        {
            using var stream = connection.BeginRawBinaryCopy(
                $"COPY {TimescaleSql.Raw} (time, sensor_id{Columns}) FROM STDIN (FORMAT BINARY)");
            var copy = new BinaryCopy(stream, _metrics.Length);
            copy.Begin();
            foreach (var row in rows)
            {
                var (batch, place) = _rows.Locate(row);
                copy.Add(batch, place);
            }

            copy.End();
        }

        /// <summary>Replaces a reading as a whole, where it had other metrics they become null; or adds to it.</summary>
        private Task UpsertAsync(NpgsqlConnection connection, List<int> rows, CancellationToken cancellationToken)
        {
            var set = _metrics.Concat(_others).Select(m => Identifier.Quote(m.Name))
                .Select(m => IsMerge ? $"{m} = coalesce(excluded.{m}, d.{m})" : $"{m} = excluded.{m}").ToList();
            return InsertAsync(
                connection,
                rows,
                cancellationToken,
                $"ON CONFLICT (sensor_id, time) DO {(set.Count == 0 ? "NOTHING" : $"UPDATE SET {string.Join(", ", set)}")}");
        }

        private async Task InsertAsync(
            NpgsqlConnection connection,
            List<int> rows,
            CancellationToken cancellationToken,
            string onConflict = "")
        {
            var values = TimescaleSql.AfterCommas(_metrics.Select((_, m) => $"nullif(m{m}, 'NaN')"));
            var sql = $"""
                INSERT INTO {TimescaleSql.Raw} AS d (time, sensor_id{Columns}) SELECT t, s{values} FROM {Unnest} {onConflict}
                """;
            foreach (var slice in rows.Chunk(RowsPerInsert))
            {
                await using var command = new NpgsqlCommand(sql, connection);
                command.Parameters.AddRange(Values(slice).ToArray());
                await command.ExecuteNonQueryAsync(cancellationToken);
            }
        }

        private string Columns => TimescaleSql.AfterCommas(_metrics.Select(m => Identifier.Quote(m.Name)));

        /// <summary>Rows of the parameters of <see cref="Values"/>.</summary>
        private string Unnest
            => $"unnest({string.Join(", ", Enumerable.Range(1, _metrics.Length + 2).Select(p => $"${p}"))}) r (t, s"
                + $"{TimescaleSql.AfterCommas(_metrics.Select((_, m) => $"m{m}"))})";

        /// <summary>The columns of rows as arrays: times, sensors, then metrics with NaN for null.</summary>
        private IEnumerable<NpgsqlParameter> Values(int[] rows)
        {
            yield return Times([.. rows.Select(row => _rows.TimeOf(row).ToPostgres())]);
            yield return Texts([.. rows.Select(row => _rows.SensorIds[_rows.KeyOf(row)])]);
            for (var m = 0; m < _metrics.Length; m++)
            {
                var values = new double[rows.Length];
                for (var i = 0; i < rows.Length; i++)
                {
                    var (batch, place) = _rows.Locate(rows[i]);
                    values[i] = batch.Metric(m)[place];
                }

                yield return new NpgsqlParameter<double[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Double, TypedValue = values };
            }
        }
    }
}
