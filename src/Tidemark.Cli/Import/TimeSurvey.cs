using System.Globalization;

namespace Tidemark.Cli.Import;

/// <summary>
/// Looks at all times of an input before any is stored, and decides once what they mean: the unit of times that are numbers, and whether
/// the rows are in order.
/// </summary>
internal sealed class TimeSurvey(ImportSettings settings)
{
    // Enough to tell whether rows are in order; more series would only cost memory.
    private const int MostSeries = 100_000;

    // The times of rows in order go back at most so seldom: where one series ends and where the clocks are put back.
    private const int StepsForEachBack = 20;

    private readonly ImportTime _time = new(settings.Zone, settings.TimesIn(null), settings.TimeForm);
    private readonly Meaning[] _meanings =
    [
        .. TimeUnit.All.Select(unit => new Meaning(unit, null)),
        .. new[] { "yyyyMMdd", "yyyyMMddHHmm", "yyyyMMddHHmmss" }.Select(form => new Meaning(null, form)),
    ];

    private readonly Dictionary<(Series, bool IsRepeated), decimal> _last = [];
    private readonly long[] _forward = new long[2];
    private readonly long[] _back = new long[2];
    private readonly Instant _latest = Instant.From(TimeProvider.System.GetUtcNow()) + settings.MaxSkew;
    private long _numbers;
    private decimal _largest;

    /// <summary>What numbers count; null when there are none.</summary>
    public TimeUnit? Unit { get; private set; }

    /// <summary>The form of times without a unit; null for those that need none.</summary>
    public string? Form { get; private set; } = settings.TimeForm;

    /// <summary>Whether times need the zone that was given.</summary>
    public bool IsLocal { get; private set; }

    public void Add(ReadOnlySpan<char> text, Series series, long line)
    {
        if (settings.TimeForm is null && Instant.TryParseNumber(text.Trim(), out var number))
        {
            AddNumber(number, text.Trim(), line);
            Step(series, number);
        }
        else if (_time.TryRead(text, out var time) is null)
        {
            IsLocal |= settings.Zone is not null && !text.TrimEnd().EndsWith("Z");
            // Inside a repeated hour times go back in rows that are in order, too.
            Step(series, time.Micros, _time.IsRepeated);
        }
    }

    /// <summary>A time whose number is known to be of one unit already, as the nanoseconds of line protocol.</summary>
    public void AddNumber(decimal number, ReadOnlySpan<char> text, long line)
    {
        _numbers++;
        _largest = Math.Max(_largest, Math.Abs(number));
        if (settings.Unit is not null)
        {
            return;
        }

        foreach (var meaning in _meanings)
        {
            if (meaning.Against is null)
            {
                if (meaning.Fits(number, text, _latest))
                {
                    meaning.Fitting++;
                }
                else
                {
                    meaning.Against = (line, text.ToString());
                }
            }
        }
    }

    /// <summary>Reads times as the whole input has them.</summary>
    /// <param name="usual">The unit of the format; taken where none fits and some number is too large for another.</param>
    /// <exception cref="CommandFailedException">What numbers mean can't be told.</exception>
    public ImportTime Decide(TimeUnit? usual = null)
    {
        if (_numbers > 0)
        {
            var meaning = settings.Unit is { } said ? new Meaning(said, null) : DecideMeaning(usual);
            (Unit, Form) = (meaning.Unit, meaning.Form ?? settings.TimeForm);
        }

        return new ImportTime(settings.Zone, settings.TimesIn(Unit), Form, DecideOrder());
    }

    private RowOrder DecideOrder()
    {
        if (_forward[0] + _back[0] == 0)
        {
            return _forward[1] >= _back[1] ? RowOrder.Ascending : RowOrder.Descending;
        }

        return _forward[0] > StepsForEachBack * (_back[0] - 1) && _forward[0] >= _back[0] ? RowOrder.Ascending
            : _back[0] >= StepsForEachBack * _forward[0] ? RowOrder.Descending
            : RowOrder.None;
    }

    private Meaning DecideMeaning(TimeUnit? usual)
    {
        var fitting = _meanings.Where(meaning => meaning.Against is null).ToList();
        if (fitting.Count == 1)
        {
            return fitting[0];
        }

        if (fitting.Count == 0 && usual is not null && _largest > Instant.MaxValue.Micros)
        {
            return new Meaning(usual, null);
        }

        const string Remedy = "say what they are with --time-unit s|ms|us|ns, or their form with --time-format such as yyyyMMddHHmm";
        if (fitting.Count > 1)
        {
            throw new CommandFailedException($"times that are numbers can be {string.Join(" or ", fitting)}: {Remedy}");
        }

        var nearest = _meanings.MaxBy(meaning => meaning.Fitting)!;
        var (line, text) = nearest.Fitting == 0 ? _meanings[0].Against!.Value : nearest.Against!.Value;
        var what = nearest.Fitting == 0
            ? "are no count since 1970 in one unit, or dates without separators, between 1990 and now"
            : $"are {nearest} between 1990 and now, but not all";
        throw new CommandFailedException($"times that are numbers {what}: line {line} has '{ImportTime.Shown(text)}'; {Remedy}");
    }

    private void Step(Series series, decimal time, bool isRepeated = false)
    {
        var place = isRepeated ? 1 : 0;
        if (_last.TryGetValue((series, isRepeated), out var last))
        {
            _forward[place] += time > last ? 1 : 0;
            _back[place] += time < last ? 1 : 0;
        }
        else if (_last.Count == MostSeries)
        {
            return;
        }

        _last[(series, isRepeated)] = time;
    }

    /// <summary>What a number may mean: a count of a unit, or a date.</summary>
    private sealed class Meaning(TimeUnit? unit, string? form)
    {
        private static readonly Instant Earliest = Instant.Utc(1990, 1, 1);

        public TimeUnit? Unit { get; } = unit;

        public string? Form { get; } = form;

        public long Fitting { get; set; }

        /// <summary>The first number that it isn't.</summary>
        public (long Line, string Text)? Against { get; set; }

        public bool Fits(decimal number, ReadOnlySpan<char> text, Instant latest)
        {
            if (Unit is not null)
            {
                return Unit.TryRead(number, out var time) && time >= Earliest && time <= latest;
            }

            // A date is local to a zone a day away at most.
            return DateTime.TryParseExact(text, Form, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal
                | DateTimeStyles.AdjustToUniversal, out var date)
                && Instant.From(date) >= Earliest && Instant.From(date) <= latest + TimeSpan.FromDays(1);
        }

        public override string ToString() => Unit?.Plural ?? $"dates such as {Form}";
    }
}
