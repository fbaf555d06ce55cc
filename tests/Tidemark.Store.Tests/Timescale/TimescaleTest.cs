using System.Globalization;
using Npgsql;
using Tidemark.Configuration;
using Tidemark.Store.Tests.Conformance;
using Tidemark.Timescale;

namespace Tidemark.Store.Tests.Timescale;

/// <summary>A test on a database of its own, whose SQL it may use beside the store.</summary>
public abstract class TimescaleTest : IAsyncLifetime
{
    private TimescaleDatabase _database = null!;

    protected static Instant Now { get; } = Instant.From(DateTimeOffset.UtcNow);

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    private protected TimescaleFixture Fixture { get; } = new();

    protected string ConnectionString => _database.ConnectionString;

    public async ValueTask InitializeAsync()
    {
        _database = await TimescaleDatabase.CreateAsync();
        Fixture.Clock.SetUtcNow(Now.ToDateTimeOffset());
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected static Instant At(string time)
        => Instant.From(DateTimeOffset.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal));

    protected static ReadingBatch Batch(params (Instant Time, string Sensor, double Temperature)[] readings)
    {
        var batch = new ReadingBatch(TestSchema.Default.MetricNames);
        foreach (var (time, sensor, temperature) in readings)
        {
            batch.Add(sensor, time, [temperature, double.NaN]);
        }

        return batch;
    }

    protected static ReadingBatch Batch2(Instant time, string sensor, double temperature, double humidity)
    {
        var batch = new ReadingBatch(TestSchema.Default.MetricNames);
        batch.Add(sensor, time, [temperature, humidity]);
        return batch;
    }

    protected static Task<Answer> AnswerAsync(ITelemetryStore store, string aggregate) => store.AnswerAsync(aggregate, Token);

    protected static async Task RefreshAsync(ITelemetryStore store)
    {
        foreach (var aggregate in store.Schema.Aggregates)
        {
            await store.RefreshAsync(aggregate.Name, null, null, Token);
        }
    }

    protected async Task<ITelemetryStore> OpenAsync(
        StoreSettings settings,
        MaintenanceOwner owner = MaintenanceOwner.External,
        string? keepAs = null)
    {
        var store = await TimescaleStore.OpenAsync(
            Fixture.Options(settings, ConnectionString) with { Maintenance = owner, KeepAggregatesAs = keepAs },
            Token);
        try
        {
            await store.InitializeAsync(Token);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    protected async Task ExecuteAsync(params string[] statements)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync(Token);
        foreach (var sql in statements)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync(Token);
        }
    }

    protected async Task<object?> ScalarAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync(Token);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(Token);
    }
}
