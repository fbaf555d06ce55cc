using System.Runtime.InteropServices;

namespace Tidemark.DuckDb;

internal sealed partial class PartialPages
{
    /// <summary>Rows by sensor, then bucket.</summary>
    private sealed class Page(int firstSensor, Instant upTo, int rewrites, int width)
    {
        private readonly Rows _rows = new();
        private readonly Rows _mapRows = new();

        public Instant UpTo => upTo;

        public int Rewrites => rewrites;

        public long Bytes => 256 + _rows.Bytes + _mapRows.Bytes;

        public static Page Read(
            Session session, MetricCatalog catalog, AggregateDefinition aggregate, int firstSensor, TimeRange span, Instant watermark,
            int rewrites)
        {
            var page = new Page(firstSensor, watermark, rewrites, 4 * catalog.Columns.Count);
            object[] of = [firstSensor, firstSensor + SensorsPerPage, span.From.ToDateTime(), span.To.ToDateTime()];
            var row = new double[page.Width];
            using (var found = session.QueryPrepared(DuckDbSql.PartialsOfSensors(aggregate, catalog), of))
            {
                while (found.Read())
                {
                    found.Doubles(3, row);
                    page._rows.Add(found.GetInt32(0) - firstSensor, found.GetInt64(1), found.GetInt64(2), row);
                }
            }

            if (catalog.HasMap)
            {
                using var found = session.QueryPrepared(DuckDbSql.MapPartialsOfSensors(aggregate), of);
                row = new double[4];
                while (found.Read())
                {
                    found.Doubles(3, row);
                    page._mapRows.Add(found.GetInt32(0) - firstSensor, found.GetInt64(2), found.GetInt16(1), row);
                }
            }

            page._rows.Complete();
            page._mapRows.Complete();
            return page;
        }

        public void AddTo(PartialRows rows, Selection metrics, int sensor, TimeRange range)
        {
            foreach (var row in _rows.In(sensor - firstSensor, range))
            {
                rows.AddPartial(_rows.Bucket(row), _rows.Number(row), _rows.Values(row, Width), metrics.ColumnPlaces);
            }

            foreach (var row in metrics.InMap.Count > 0 ? _mapRows.In(sensor - firstSensor, range) : [])
            {
                if (metrics.Place((short)_mapRows.Number(row)) is var place and >= 0)
                {
                    var p = _mapRows.Values(row, 4);
                    rows.AddPartial(_mapRows.Bucket(row), place, p[0], p[1], p[2], p[3]);
                }
            }
        }

        private int Width => width;
    }

    /// <summary>Rows of a page's sensors, of each ascending by bucket, with a number and values.</summary>
    private sealed class Rows
    {
        private readonly int[] _ends = new int[SensorsPerPage];
        private readonly List<long> _buckets = [];
        private readonly List<long> _numbers = [];
        private readonly List<double> _values = [];

        public long Bytes => 8L * (_buckets.Capacity + _numbers.Capacity + _values.Capacity);

        public void Add(int sensor, long bucket, long number, ReadOnlySpan<double> values)
        {
            _buckets.Add(bucket);
            _numbers.Add(number);
            _values.AddRange(values);
            _ends[sensor] = _buckets.Count;
        }

        public void Complete()
        {
            for (var i = 1; i < SensorsPerPage; i++)
            {
                _ends[i] = Math.Max(_ends[i], _ends[i - 1]);
            }

            _buckets.TrimExcess();
            _numbers.TrimExcess();
            _values.TrimExcess();
        }

        public long Bucket(int row) => _buckets[row];

        public long Number(int row) => _numbers[row];

        public ReadOnlySpan<double> Values(int row, int width) => CollectionsMarshal.AsSpan(_values).Slice(row * width, width);

        /// <summary>The rows of a sensor whose buckets start in a range.</summary>
        public IEnumerable<int> In(int sensor, TimeRange range)
        {
            var start = sensor == 0 ? 0 : _ends[sensor - 1];
            var end = _ends[sensor];
            var from = First(start, end, range.From.Micros);
            return Enumerable.Range(from, First(from, end, range.To.Micros) - from);
        }

        /// <summary>The first of some rows whose bucket starts at or after an instant; their end when there is none.</summary>
        private int First(int start, int end, long micros)
        {
            while (start < end)
            {
                var middle = (start + end) / 2;
                (start, end) = _buckets[middle] < micros ? (middle + 1, end) : (start, middle);
            }

            return start;
        }
    }
}
