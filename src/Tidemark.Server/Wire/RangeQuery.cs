using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Tidemark.Server.Wire;

/// <summary>What part of a series is asked for: a period back from now, or <c>from</c> and, if it ends, <c>to</c>.</summary>
/// <param name="Range">What to read.</param>
/// <param name="Period">As asked; null with <c>from</c>.</param>
internal sealed record RangeQuery(TimeRange Range, string? Period)
{
    /// <summary>What <see cref="DefaultPeriod"/> gives, for people.</summary>
    public const string DefaultPeriods = "1w for buckets below a day, 1m below a week, else a year for each month of a bucket";

    /// <summary>A default for answers of some hundred rows at most: a week of hours, a month of days, a dozen of what is wider.</summary>
    public static string DefaultPeriod(AggregateDefinition aggregate) => aggregate.Bucket.Approximate.TotalDays switch
    {
        < 1 => "1w",
        < 7 => "1m",
        var days => string.Create(CultureInfo.InvariantCulture, $"{Math.Clamp(Math.Ceiling(days / 30), 1, 100)}y"),
    };

    public static RangeQuery Read(IQueryCollection query, string defaultPeriod, TimeProvider clock, List<string> errors)
    {
        var period = Single(query, "period", errors);
        var from = Single(query, "from", errors);
        var to = Single(query, "to", errors);
        if (period is not null && (from ?? to) is not null)
        {
            errors.Add("period can't be combined with from and to");
        }

        return from is null && to is null
            ? ReadPeriod(period ?? defaultPeriod, clock, errors)
            : new RangeQuery(ReadEnds(from, to, errors), null);
    }

    /// <returns>Null when the parameter is absent.</returns>
    public static string? Single(IQueryCollection query, string name, List<string> errors)
    {
        var values = query[name];
        if (values.Count > 1)
        {
            errors.Add($"{name} is given {values.Count} times");
        }

        return values.Count == 0 ? null : values[0] ?? "";
    }

    private static RangeQuery ReadPeriod(string text, TimeProvider clock, List<string> errors)
    {
        if (!Time.Period.TryParse(text, out var period, out var error))
        {
            errors.Add(error);
            return new RangeQuery(default, text);
        }

        return new RangeQuery(period.Until(Instant.From(clock.GetUtcNow())), text);
    }

    private static TimeRange ReadEnds(string? from, string? to, List<string> errors)
    {
        if (from is null)
        {
            errors.Add("to needs from");
        }

        var valid = ReadInstant("from", from, Instant.MinValue, errors, out var start)
            & ReadInstant("to", to, Instant.MaxValue, errors, out var end);
        if (valid && start >= end)
        {
            errors.Add($"from {start} is not before to {end}");
        }

        return new TimeRange(start, end);
    }

    private static bool ReadInstant(string name, string? text, Instant fallback, List<string> errors, out Instant instant)
    {
        instant = fallback;
        if (text is null || Instant.TryParse(text, out instant))
        {
            return true;
        }

        errors.Add($"{name} '{text}' is not RFC 3339 with a zone, such as 2026-11-22T10:00:00Z, or epoch milliseconds");
        return false;
    }
}
