using Tidemark.Alerts;

namespace Tidemark.Server.Alerts;

/// <summary>What <c>/api/status</c> tells of evaluation. Safe for concurrent use.</summary>
internal sealed class AlertCounts
{
    private readonly Lock _lock = new();
    private AlertStatus _status = new(false, 0, 0, 0, 0, 0, 0, 0, 0, 0, null, [], []);
    private long _lateBefore;

    public AlertStatus Status
    {
        get
        {
            lock (_lock)
            {
                return _status;
            }
        }
    }

    public void Set(AlertEvaluation evaluation)
    {
        lock (_lock)
        {
            _status = _status with
            {
                Evaluating = true,
                Rules = evaluation.Rules.Count,
                Instances = evaluation.Instances,
                NotEvaluated = evaluation.NotEvaluated,
                Late = _lateBefore + evaluation.Late,
            };
        }
    }

    public void Count(AlertChange change)
    {
        var fired = change.Alert.State == AlertState.Firing;
        lock (_lock)
        {
            _status = fired ? _status with { Fired = _status.Fired + 1 } : _status with { Resolved = _status.Resolved + 1 };
        }
    }

    public void Miss(long readings)
    {
        lock (_lock)
        {
            _status = _status with { Missed = _status.Missed + readings };
        }
    }

    public void Fail(string? error)
    {
        lock (_lock)
        {
            _status = _status with { Error = error };
        }
    }

    /// <summary>The term is over.</summary>
    public void End()
    {
        lock (_lock)
        {
            _lateBefore = _status.Late;
            _status = _status with { Evaluating = false, Instances = 0, NotEvaluated = 0 };
        }
    }
}
