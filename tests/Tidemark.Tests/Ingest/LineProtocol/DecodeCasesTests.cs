namespace Tidemark.Tests.Ingest.LineProtocol;

public class DecodeCasesTests
{
    [Fact]
    public void Our_own_cases_are_answered_as_they_say() => Check(DecodeCase.OurFile);

    /// <summary>Runs any number of cases of the same form, such as those of influxdata/line-protocol-corpus (MIT).</summary>
    [Fact]
    public void The_cases_of_a_file_are_answered_as_they_say()
    {
        var file = Environment.GetEnvironmentVariable("TIDEMARK_TEST_LINE_PROTOCOL");
        Assert.SkipWhen(string.IsNullOrEmpty(file), "TIDEMARK_TEST_LINE_PROTOCOL names no file of decode cases");
        Check(file);
    }

    private static void Check(string file)
    {
        var (count, failures) = (0, new List<string>());
        foreach (var decode in DecodeCase.Read(file))
        {
            count++;
            if (Failure(decode) is { } failure)
            {
                failures.Add($"line {count}, {Convert.ToBase64String(decode.Text)}: {failure}");
            }
        }

        Assert.NotEqual(0, count);
        Assert.True(failures.Count == 0, $"{failures.Count} of {count} cases fail\n{string.Join('\n', failures.Take(10))}");
    }

    /// <summary>A text without an error gives exactly its points, another at least one faulty line.</summary>
    private static string? Failure(DecodeCase decode)
    {
        var (points, errors) = decode.Parse();
        if (decode.HasError)
        {
            return errors.Count > 0 ? null : "no line is refused";
        }

        return errors.Count > 0 ? $"refused, {errors[0]}"
            : points.SequenceEqual(decode.Expected()) ? null : $"got {string.Join("; ", points)}";
    }
}
