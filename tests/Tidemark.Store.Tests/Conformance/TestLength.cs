namespace Tidemark.Store.Tests.Conformance;

/// <summary>How often what is long is done: a fixed share each time, all of it where <c>TIDEMARK_TEST_LENGTH</c> is <c>full</c>.</summary>
internal static class TestLength
{
    public static int Of(int share, int all) => Environment.GetEnvironmentVariable("TIDEMARK_TEST_LENGTH") == "full" ? all : share;
}
