namespace Tidemark.Readings;

/// <summary>What one sensor measured at one instant.</summary>
/// <param name="Time">When it was measured, by the sensor's clock.</param>
/// <param name="SensorId">See <see cref="Readings.SensorId"/>.</param>
/// <param name="Values">One value per metric in its batch's order; NaN stands for null.</param>
public readonly record struct Reading(Instant Time, string SensorId, double[] Values);
