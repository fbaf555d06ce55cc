namespace Tidemark.Tests.Readings;

public class ReadingBatchTests
{
    [Fact]
    public void Rows_come_back_as_they_were_added_beyond_the_first_capacity()
    {
        var batch = new ReadingBatch(["a", "b"], capacity: 1);
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
        var batch = new ReadingBatch(["a"], capacity: 0);
        batch.Add("a", new Instant(1), [1]);
        batch.Clear();
        Assert.Equal(0, batch.Count);
        batch.Add(new Reading(new Instant(2), "b", [2]));
        Assert.Equal("b", batch[0].SensorId);
        Assert.Throws<ArgumentOutOfRangeException>(() => batch[1]);
    }

    [Fact]
    public void A_metric_that_comes_later_is_null_before()
    {
        var batch = new ReadingBatch(["a"], capacity: 1);
        batch.Add("s", new Instant(1), [1]);
        batch.AddMetric("b");
        batch.Add("s", new Instant(2), [2, 3]);
        batch.Add("s", new Instant(3), [4, 5]);
        Assert.Equal(["a", "b"], batch.Metrics);
        Assert.Equal([double.NaN, 3, 5], batch.Metric(1));
        batch.Clear();
        batch.AddMetric("c");
        batch.Add("s", new Instant(4), [6, 7, 8]);
        Assert.Equal([6, 7, 8], batch[0].Values);
    }

    [Fact]
    public void Metrics_are_selected_by_name_in_any_order()
    {
        var batch = new ReadingBatch(["a", "b"]);
        batch.Add("s", new Instant(1), [1, 2]);
        var selected = batch.Select(["b", "c"]);
        Assert.Equal(["b", "c"], selected.Metrics);
        Assert.Equal([2, double.NaN], selected[0].Values);
        Assert.Same(batch, batch.Select(["a", "b"]));
    }
}
