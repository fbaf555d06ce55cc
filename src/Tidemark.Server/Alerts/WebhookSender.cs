using System.Globalization;
using System.Net;
using System.Text;
using Tidemark.Alerts;
using Tidemark.Configuration;

namespace Tidemark.Server.Alerts;

/// <summary>
/// Posts messages to a webhook by the rules of Standard Webhooks 1.0.0: <see cref="WebhookSignature"/> names its source. Addresses come
/// from the configuration alone, and no redirect is followed.
/// </summary>
internal sealed class WebhookSender(WebhookOptions options, HttpMessageInvoker client, TimeProvider clock)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromHours(1);

    public AlertReceiver Receiver => new(options.Name, options.Url.GetLeftPart(UriPartial.Authority), SendAsync);

    public static HttpMessageInvoker CreateClient() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        // A name may come to mean another address.
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    });

    private async Task<Delivery> SendAsync(AlertMessage message, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Timeout);
        try
        {
            using var request = Request(message);
            using var response = await client.SendAsync(request, timeout.Token);
            return response.IsSuccessStatusCode
                ? Delivery.Done
                : new Delivery(OutcomeOf(response.StatusCode), $"answered {(int)response.StatusCode}", RetryAfter(response));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException or WebhookSecretException)
        {
            return Delivery.Fail((e.InnerException ?? e).Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Delivery.Fail($"no answer within {Timeout.TotalSeconds} s");
        }
    }

    private HttpRequestMessage Request(AlertMessage message)
    {
        var seconds = clock.GetUtcNow().ToUnixTimeSeconds();
        var request = new HttpRequestMessage(HttpMethod.Post, options.Url)
        {
            Content = new StringContent(message.Body, Encoding.UTF8, "application/json"),
        };
        request.Headers.UserAgent.ParseAdd($"tidemark/{Status.StatusEndpoints.Version}");
        request.Headers.Add(WebhookSignature.IdHeader, message.Id);
        request.Headers.Add(WebhookSignature.TimestampHeader, seconds.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add(WebhookSignature.SignatureHeader, WebhookSignature.Sign(ReadKeys(), message.Id, seconds, message.Body));
        return request;
    }

    private IReadOnlyList<byte[]> ReadKeys()
    {
        var text = options.SecretFile is { } file ? File.ReadAllText(file) : options.Secret!;
        return WebhookSignature.TryReadSecret(text, out var keys)
            ? keys
            : throw new WebhookSecretException($"the secret in {options.SecretFile} is not {WebhookSignature.SecretForm}");
    }

    /// <summary>A receiver that is overloaded or away may take it later; one that says that the message is wrong won't for long.</summary>
    private static DeliveryOutcome OutcomeOf(HttpStatusCode status) => (int)status switch
    {
        410 => DeliveryOutcome.Gone,
        408 or 425 or 429 => DeliveryOutcome.Failed,
        >= 400 and < 500 => DeliveryOutcome.Refused,
        _ => DeliveryOutcome.Failed,
    };

    private TimeSpan? RetryAfter(HttpResponseMessage response)
    {
        var header = response.Headers.RetryAfter;
        var wait = header?.Delta ?? (header?.Date - clock.GetUtcNow());
        return wait is { } span && span > TimeSpan.Zero ? (span < LongestRetryAfter ? span : LongestRetryAfter) : null;
    }

    private sealed class WebhookSecretException(string message) : Exception(message);
}
