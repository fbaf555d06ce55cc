namespace Tidemark.Tests.Readings;

public class ReadingBatchTests
{
    [Fact]
    public void Rows_come_back_as_they_were_added_beyond_the_first_capacity()
    {
        var batch = new ReadingBatch(2, capacity: 1);
        for (var i = 0; i < 100; i++)
        {
            batch.Add($"s{i}", new Instant(i), [i, double.NaN]);
        }

        Assert.Equal(100, batch.Count);
        Assert.Equal((new Instant(73), "s73"), (batch[73].Time, batch[73].SensorId));
        Assert.Equal([73, double.NaN], batch[73].Values.AsEnumerable());
        Assert.Equal(100, batch.TimesMicros.Length);
        Assert.Equal(73, batch.Metric(0)[73]);
        Assert.Throws<ArgumentOutOfRangeException>(() => batch[100]);
    }

    [Fact]
    public void A_cleared_batch_begins_anew()
    {
        var batch = new ReadingBatch(1, capacity: 0);
        batch.Add("a", new Instant(1), [1]);
        batch.Clear();
        Assert.Equal(0, batch.Count);
        batch.Add(new Reading(new Instant(2), "b", [2]));
        Assert.Equal("b", batch[0].SensorId);
        Assert.Throws<ArgumentOutOfRangeException>(() => batch[1]);
    }
}
