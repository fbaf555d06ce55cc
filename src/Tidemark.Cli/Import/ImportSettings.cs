using System.Text;
using Tidemark.Ingest;
using Tidemark.Ingest.LineProtocol;

namespace Tidemark.Cli.Import;

/// <summary>What the caller says about a file; null, empty or false is not said.</summary>
internal sealed record ImportSettings
{
    /// <summary>By field (time, sensor_id or a metric) the name of its column, or its path in JSON.</summary>
    public IReadOnlyDictionary<string, string> Mapping { get; init; } = new Dictionary<string, string>();

    /// <summary>Of all rows.</summary>
    public string? Sensor { get; init; }

    /// <summary>Where times without a zone are local.</summary>
    public TimeZoneInfo? Zone { get; init; }

    /// <summary>See <see cref="TimeForm"/>.</summary>
    public string? TimeForm { get; init; }

    /// <summary>Of times that are numbers; null to decide it from all of them.</summary>
    public TimeUnit? Unit { get; init; }

    /// <summary>How far ahead of the clock a time may be.</summary>
    public TimeSpan MaxSkew { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Makes what finds fault with single lines of line protocol.</summary>
    public Func<ReadingValidator?> Validator { get; init; } = () => null;

    /// <summary>How line protocol names sensors and metrics.</summary>
    public LineNaming LineNaming { get; init; } = LineNaming.Default;

    public Encoding? Encoding { get; init; }

    public CsvDialect Dialect { get; init; } = new();

    public char DecimalMark { get; init; } = '.';

    public char? Thousands { get; init; }

    /// <summary>Words that stand for no value.</summary>
    public IReadOnlyList<string> Missing { get; init; } = [];

    /// <summary>The column that names a row's metric; <see cref="ValueColumn"/> has its value then.</summary>
    public string? MetricColumn { get; init; }

    public string? ValueColumn { get; init; }

    /// <summary>The metric of a table with a column for each sensor.</summary>
    public string? MetricOfSensors { get; init; }

    /// <summary>Whether the mapping says which columns are metrics: then others are none.</summary>
    public bool MapsMetrics => Mapping.Keys.Any(name => name is not (ColumnMap.TimeName or ColumnMap.SensorName));

    public NumberText Numbers => new(DecimalMark, Thousands, Missing);

    public NumberTimes TimesIn(TimeUnit? unit) => new(unit ?? Unit, MaxSkew, TimeProvider.System, "--time-unit ");
}
