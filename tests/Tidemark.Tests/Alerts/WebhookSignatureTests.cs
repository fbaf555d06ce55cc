using Tidemark.Alerts;

namespace Tidemark.Tests.Alerts;

public sealed class WebhookSignatureTests
{
    // The vector of the tests in https://github.com/standard-webhooks/standard-webhooks.
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private const string Signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    [Fact]
    public void It_signs_as_the_specification_does()
    {
        Assert.True(WebhookSignature.TryReadSecret($"{Secret}\n", out var keys));
        Assert.Equal(
            Signature, WebhookSignature.Sign(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}"));
    }

    [Fact]
    public void Two_secrets_make_two_signatures()
    {
        Assert.True(WebhookSignature.TryReadSecret($" {Secret}\n whsec_{Convert.ToBase64String(new byte[64])} ", out var keys));
        var header = WebhookSignature.Sign(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}");
        Assert.Equal((Signature, 2), (header.Split(' ')[0], header.Split(' ').Distinct().Count()));
    }

    [Theory]
    [InlineData(""), InlineData("whsec_"), InlineData("secret"), InlineData("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    [InlineData("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa"), InlineData("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!")]
    [InlineData("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    public void Other_secrets_are_refused(string text) => Assert.False(WebhookSignature.TryReadSecret(text, out _));

    [Theory]
    [InlineData(23, false), InlineData(24, true), InlineData(64, true), InlineData(65, false)]
    public void Secrets_have_24_to_64_bytes(int bytes, bool valid)
        => Assert.Equal(valid, WebhookSignature.TryReadSecret($"whsec_{Convert.ToBase64String(new byte[bytes])}", out _));
}
