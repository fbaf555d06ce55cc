using Tidemark.Series;

namespace Tidemark.Tests.Series;

public class LttbTests
{
    [Fact]
    public void The_largest_triangles_are_chosen()
    {
        // Worked out by hand: of the first five inner points 1, whose triangle with 0 and the average of 3 to 5 is the largest; then 5.
        Assert.Equal([0, 1, 5, 6], Lttb.Select([0, 1, 2, 3, 4, 5, 6], [0, 10, 0, 0, 0, -10, 0], 4));
    }

    [Theory]
    [InlineData(0), InlineData(1), InlineData(2), InlineData(5)]
    public void Few_points_stay(int length)
    {
        long[] times = [.. Enumerable.Range(0, length)];
        Assert.Equal(Enumerable.Range(0, length), Lttb.Select(times, [.. times.Select(t => (double)t)], 5));
    }

    [Fact]
    public void As_many_are_left_as_are_asked_for_and_spikes_among_them()
    {
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var (length, time) = (random.Next(10, 2000), 0L);
            long[] times = [.. Enumerable.Range(0, length).Select(_ => time += random.Next(1, 1_000_000_000))];
            double[] values = [.. times.Select(_ => random.NextDouble())];
            var spike = random.Next(1, length - 1);
            values[spike] = random.Next(2) == 0 ? 1e6 : -1e6;
            var count = random.Next(5, length);
            var chosen = Lttb.Select(times, values, count);
            Assert.Equal(count, chosen.Length);
            Assert.Equal(chosen.Order().Distinct(), chosen);
            Assert.Equal((0, length - 1), (chosen[0], chosen[^1]));
            Assert.Contains(spike, chosen);
        }
    }
}
