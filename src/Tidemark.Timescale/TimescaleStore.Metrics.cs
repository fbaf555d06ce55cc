namespace Tidemark.Timescale;

public sealed partial class TimescaleStore
{
    public Task<IReadOnlyList<MetricInfo>> ListMetricsAsync(CancellationToken cancellationToken)
        => throw new NotImplementedException();

    public Task AddMetricsAsync(IReadOnlyList<string> names, CancellationToken cancellationToken) => throw new NotImplementedException();

    public Task RemoveMetricAsync(string name, CancellationToken cancellationToken) => throw new NotImplementedException();
}
