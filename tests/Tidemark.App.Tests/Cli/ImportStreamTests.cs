using System.Text;
using Tidemark.Cli.Import;
using Tidemark.Configuration;
using Tidemark.Ingest;
using Tidemark.DuckDb;
using Tidemark.Store.Tests;

namespace Tidemark.App.Tests.Cli;

/// <summary>
/// What an import does with files larger than memory, and with a store that changes meanwhile. Alone in the process, whose memory it reads.
/// </summary>
[Collection(nameof(ImportStreamTests))]
[CollectionDefinition(nameof(ImportStreamTests), DisableParallelization = true)]
public sealed class ImportStreamTests : IDisposable
{
    private static readonly TelemetrySchema Schema = OptionsLoader.Load(
        new Microsoft.Extensions.Configuration.ConfigurationBuilder().Build()).Schema;

    private readonly string _folder = Directory.CreateTempSubdirectory("tidemark-import-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_file_of_any_size_is_read_in_bounded_memory()
    {
        TestLength.SkipUnlessShare();
        const int Rows = 2_000_000;
        GeneratedCsv? stream = null;
        using var source = Open(() => stream = new GeneratedCsv(Rows));
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var (rows, most) = (0, 0L);
        while (source.Next())
        {
            Assert.Null(source.TryRead(out _, out _));
            if (++rows % (Rows / 10) == 0)
            {
                most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true));
            }
        }

        Assert.Equal(Rows, rows);
        Assert.InRange(stream!.BytesRead, 80_000_000, long.MaxValue);
        Assert.InRange(most - before, long.MinValue, 40_000_000);
    }

    [Fact]
    public async Task More_rows_than_a_batch_holds_arrive_once_and_again_change_nothing()
    {
        const int Rows = (2 * Importer.BatchRows) + 10;
        await using var store = await OpenStoreAsync(retention: null);
        var first = await ImportAsync(store, Open(() => new GeneratedCsv(Rows)));
        Assert.Equal(new ImportSummary(Rows, new WriteResult(Rows, 0, 0), 0), first);
        var second = await ImportAsync(store, Open(() => new GeneratedCsv(Rows)));
        Assert.Equal(new ImportSummary(Rows, new WriteResult(0, 0, Rows), 0), second);
    }

    [Fact]
    public async Task Rows_that_fall_behind_retention_meanwhile_are_refused_one_by_one()
    {
        await using var store = await OpenStoreAsync(retention: TimeSpan.FromDays(30));
        var old = Instant.From(DateTimeOffset.UtcNow.AddDays(-40));
        var now = Instant.From(DateTimeOffset.UtcNow.AddMinutes(-1));
        var csv = $"time,sensor_id,temperature,note\n{old},s,1,\"two\nlines\"\n{now},s,2,\n{old},t,3,x\n";
        var batch = new ReadingBatch(Schema.MetricNames);
        batch.Add("s", old - TimeSpan.FromDays(1), [0, 0, 0]);
        batch.Add("s", old, [0, 0, 0]);
        await store.WriteAsync(batch, CancellationToken.None);

        // Retention drops the old chunks after the first row was found good.
        using var source = new Interrupted(
            Open(() => new MemoryStream(Encoding.UTF8.GetBytes(csv))),
            2,
            () => store.RetainAsync(CancellationToken.None).GetAwaiter().GetResult());
        var summary = await ImportAsync(store, source);
        Assert.Equal(new ImportSummary(3, new WriteResult(1, 0, 0), 2), summary);
        var horizon = await store.ReadRawHorizonAsync(CancellationToken.None);
        Assert.Equal(
            $"line,reason,text\n2,\"time {old} is older than retention, which reaches back to "
                + $"{horizon}\",\"{old},s,1,\"\"two\nlines\"\"\"\n5,\"time {old} is older than retention, which reaches back to "
                + $"{horizon}\",\"{old},t,3,x\"\n",
            File.ReadAllText(RejectsPath));
    }

    private string RejectsPath => Path.Combine(_folder, "rejects.csv");

    private async Task<ITelemetryStore> OpenStoreAsync(TimeSpan? retention)
    {
        var store = await DuckDbStore.OpenAsync(
            new DuckDbOptions { Folder = Path.Combine(_folder, "data"), Schema = Schema, Retention = retention },
            CancellationToken.None);
        await store.InitializeAsync(CancellationToken.None);
        return store;
    }

    private async Task<ImportSummary> ImportAsync(ITelemetryStore store, ReadingSource source)
    {
        using (source)
        {
            await using var rejects = new RejectsFile(RejectsPath);
            var importer = new Importer(
                ImportTarget.Of(store), TimeSpan.FromHours(1), Instant.MinValue, TimeProvider.System, rejects);
            return await importer.RunAsync(source, _ => { }, CancellationToken.None);
        }
    }

    private static TableSource Open(Func<Stream> open)
    {
        var metrics = new IncomingMetrics(Schema, NewMetrics.Add, 200);
        var settings = new ImportSettings();
        using var rows = new CsvRows(open(), new CsvDialect());
        var survey = TableSurvey.Of(rows, settings, metrics, CancellationToken.None);
        return new TableSource(new CsvRows(open(), new CsvDialect()), survey, settings, metrics.Names);
    }

    /// <summary>A CSV file that is never there as a whole: each line is made when it is read.</summary>
    private sealed class GeneratedCsv(int rows) : Stream
    {
        private byte[] _line = Encoding.ASCII.GetBytes("time,sensor_id,temperature,pressure\n");
        private int _used;
        private int _row;

        public long BytesRead { get; private set; }

        public override int Read(Span<byte> buffer)
        {
            if (_used == _line.Length)
            {
                if (_row == rows)
                {
                    return 0;
                }

                _line = Encoding.ASCII.GetBytes(
                    $"{new Instant(1_700_000_000_000_000 + (1000L * _row))},sensor_{_row % 100:000},{_row % 1000 / 10.0},1013.25\n");
                (_used, _row) = (0, _row + 1);
            }

            var count = Math.Min(buffer.Length, _line.Length - _used);
            _line.AsSpan(_used, count).CopyTo(buffer);
            _used += count;
            BytesRead += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }

    /// <summary>Does something before its n-th row is read.</summary>
    private sealed class Interrupted(ReadingSource inner, int row, Action interrupt) : ReadingSource
    {
        private int _rows;

        public override long Line => inner.Line;

        public override ReadOnlySpan<char> Text => inner.Text;

        public override bool Next()
        {
            if (++_rows == row)
            {
                interrupt();
            }

            return inner.Next();
        }

        public override IReadOnlyList<string> Metrics => inner.Metrics;

        public override ReadOnlySpan<double> Values => inner.Values;

        public override string? TryRead(out string sensorId, out Instant time) => inner.TryRead(out sensorId, out time);

        public override void Dispose() => inner.Dispose();
    }
}
