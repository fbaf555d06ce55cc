namespace Tidemark.Store.Tests;

/// <summary>
/// How much is done of what takes long, by <c>TIDEMARK_TEST_LENGTH</c>: least without it, a fixed share of each where it is <c>share</c>,
/// as <c>.ci/run</c> has it, all where it is <c>full</c>, as <c>.ci/nightly</c> has it.
/// </summary>
internal static class TestLength
{
    private static readonly string? Said = Environment.GetEnvironmentVariable("TIDEMARK_TEST_LENGTH");

    public static bool IsFull => Said == "full";

    public static bool IsLeast => Said is not ("share" or "full");

    public static int Of(int least, int share, int full) => Said switch
    {
        "full" => full,
        "share" => share,
        _ => least,
    };

    /// <summary>Skips the test where least is done.</summary>
    public static void SkipUnlessShare() => Assert.SkipWhen(
        IsLeast,
        "takes long: .ci/run runs it, and TIDEMARK_TEST_LENGTH=share does");
}
