using System.Globalization;
using System.Net;
using Cronos;
using Microsoft.Extensions.Configuration;

namespace Tidemark.Configuration;

/// <summary>Single settings by key: each reads its text as a type, notes what is wrong with it and goes on.</summary>
public sealed partial class OptionsLoader
{
    private string? Name(string key)
    {
        var text = Text(key);
        if (text is not null && !Identifier.IsValid(text))
        {
            _errors.Add($"{key}: '{text}' is not {Identifier.Form}");
        }

        return text;
    }

    private string? Text(string key) => _configuration[key];

    private TimeSpan? Duration(string key)
    {
        var text = Text(key);
        if (text is null)
        {
            return null;
        }

        if (!TypedText.TryParseDuration(text, out var duration))
        {
            _errors.Add($"{key}: '{text}' is not {TypedText.DurationForm}");
            return null;
        }

        return duration;
    }

    private Instant Time(string key, Instant fallback)
    {
        var text = Text(key);
        if (text is null)
        {
            return fallback;
        }

        if (Instant.TryParseNumber(text, out _) || !Instant.TryParse(text, out var time))
        {
            _errors.Add($"{key}: '{text}' is not a time with a zone, such as 1900-01-01T00:00:00Z");
            return fallback;
        }

        return time;
    }

    private TimeSpan? OptionalDuration(string key, TimeSpan? fallback) => Text(key) switch
    {
        null => fallback,
        "never" => null,
        _ => Duration(key),
    };

    private IReadOnlyList<string> Hosts(string key)
    {
        var hosts = List(key);
        foreach (var host in hosts.Where(h => Uri.CheckHostName(h) == UriHostNameType.Unknown || (h.Contains(':') && !h.StartsWith('['))))
        {
            _errors.Add($"{key}: '{host}' is not a host without its port, such as tidemark.example.org; several with ;");
        }

        return hosts;
    }

    /// <summary>As browsers write them: an origin that is spelled otherwise would never match.</summary>
    private IReadOnlyList<string> Origins(string key)
    {
        var origins = new List<string>();
        foreach (var text in List(key))
        {
            if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
                && uri is { PathAndQuery: "/", Fragment: "", UserInfo: "" } && !text.EndsWith('/'))
            {
                origins.Add(uri.GetLeftPart(UriPartial.Authority));
            }
            else
            {
                _errors.Add($"{key}: '{text}' is not an origin, such as https://dashboard.example.org; several with ;");
            }
        }

        return origins;
    }

    private string[] List(string key)
        => (Text(key) ?? "").Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private IReadOnlyList<IPNetwork> Networks(string key)
    {
        var networks = new List<IPNetwork>();
        foreach (var text in List(key))
        {
            // Without a prefix it would be a guess, with none of its bits everyone.
            if (IPNetwork.TryParse(text, out var network) && network.PrefixLength > 0)
            {
                networks.Add(network);
            }
            else
            {
                _errors.Add($"{key}: '{text}' is not a network of proxies, such as 10.77.1.0/28; several with ;");
            }
        }

        return networks;
    }

    private long Size(string key, long fallback)
    {
        var text = Text(key);
        if (text is null)
        {
            return fallback;
        }

        if (!TypedText.TryParseSize(text, out var bytes))
        {
            _errors.Add($"{key}: '{text}' is not {TypedText.SizeForm}");
        }

        return bytes;
    }

    private int Whole(string key, int fallback)
    {
        var text = Text(key);
        if (text is null)
        {
            return fallback;
        }

        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value < 1)
        {
            _errors.Add($"{key}: '{text}' is not a positive whole number");
        }

        return value;
    }

    private bool Boolean(string key, bool fallback)
    {
        var text = Text(key);
        if (text is null)
        {
            return fallback;
        }

        if (!bool.TryParse(text, out var value))
        {
            _errors.Add($"{key}: '{text}' is not true or false");
        }

        return value;
    }

    private string? Cron(string key, string? fallback)
    {
        var text = Text(key);
        if (text is null or "never")
        {
            return text is null ? fallback : null;
        }

        if (!CronExpression.TryParse(text, out _))
        {
            _errors.Add($"{key}: '{text}' is not a cron expression of five fields, such as '*/5 * * * *', or never");
        }

        return text;
    }

    private double? Number(IConfigurationSection section, string key)
    {
        var text = section[key];
        if (text is null)
        {
            return null;
        }

        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) || !double.IsFinite(value))
        {
            _errors.Add($"{section.Path}:{key}: '{text}' is not a number");
            return null;
        }

        return value;
    }
}
