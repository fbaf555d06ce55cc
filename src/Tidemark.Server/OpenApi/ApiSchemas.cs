using Microsoft.OpenApi;

namespace Tidemark.Server.OpenApi;

/// <summary>The shapes whose members follow from the telemetry schema.</summary>
internal static class ApiSchemas
{
    public static OpenApiSchema Text(string description) => new() { Type = JsonSchemaType.String, Description = description };

    public static OpenApiSchema Time(string description)
        => new() { Type = JsonSchemaType.String, Format = "date-time", Description = description };

    public static OpenApiSchema Sensors => Object(
        "Every sensor that ever wrote.",
        [
            ("sensors", new OpenApiSchema
            {
                Type = JsonSchemaType.Array,
                Items = Object(
                    "A sensor.",
                    [
                        ("sensor_id", Text("Its id.")), ("last_reading", Time("The latest event time.")), ("total_readings", Count(
                            "Those of the finest aggregate with its tail: raw retention doesn't lower it.")),
                    ]),
            }),
            ("count", Count("How many.")),
        ]);

    public static OpenApiSchema AllCurrent(TelemetrySchema schema) => Object(
        "The last readings of all sensors.",
        [
            ("now", Time("The server's time.")),
            ("metrics", List(Object("A metric.", [("name", Text("Its name.")), ("unit", Text("As configured; may be empty."))]))),
            ("sensors", List(Object(
                "A sensor.",
                [
                    ("sensor_id", Text("Its id.")), ("time", Time("When its last reading was measured.")),
                    ("stale_after_s", Count("The seconds of silence after which it is stale.")),
                    ("values", Object("The values that the reading has.", Metrics(schema))),
                ]))),
            ("count", Count("How many.")),
        ]);

    public static OpenApiSchema Current(TelemetrySchema schema) => Object(
        "The last reading.", [("time", Time("When it was measured.")), ("sensor_id", Text("Whose.")), .. Metrics(schema)]);

    public static OpenApiSchema Raw(TelemetrySchema schema) => Object(
        "Readings, ascending by time.",
        [
            ("sensor_id", Text("Whose.")),
            .. Series(Object("A reading.", [("time", Time("When it was measured.")), .. Metrics(schema)])),
            DataFrom("Where"),
        ]);

    public static OpenApiSchema Aggregate(TelemetrySchema schema)
    {
        var columns = schema.Aggregates.SelectMany(a => a.Columns(schema.MetricNames)).Distinct()
            .Select(c => (c, Number(DescribeColumn(c, schema))));
        var row = Object("A bucket.", [("time", Time("The bucket's start.")), .. columns, ("reading_count", Count(
            "Readings in the bucket, those with nulls included."))]);
        return Object(
            "Buckets, ascending by their start.",
            [
                ("sensor_id", Text("Whose.")),
                ("aggregation", Text("The aggregate.")),
                ("watermark", Nullable(Time("The exclusive end of the last materialised bucket; null when there is none."))),
                ("pending", new OpenApiSchema {
                    Type = JsonSchemaType.Boolean,
                    Description = "Whether a late write touched the range and waits for the next refresh." }),
                .. Series(row),
            ]);
    }

    public static OpenApiSchema Fleet(TelemetrySchema schema) => Object(
        $"One of {string.Join(", ", schema.Metrics.Select(m => m.Name))} over all sensors.",
        [
            ("aggregation", Text("The aggregate that gives the buckets.")),
            ("metric", Text("The metric.")),
            ("source", Text("aggregate, or raw when computed from raw readings.")),
            .. Series(Object("A bucket.",
            [
                ("time", Time("The bucket's start.")),
                ("average", Number("Over all values of all sensors; null without one.")),
                ("reading_count", Count("Readings of all sensors.")),
            ])),
            DataFrom("With source=raw only: where"),
        ]);

    /// <summary>By columns, or with <c>format=rows</c> an object for each point.</summary>
    public static OpenApiSchema SeriesAnswer(TelemetrySchema schema)
    {
        var values = schema.Metrics.Select(m => ($"avg_{m.Name}", (OpenApiSchema)List(Number("Null where there is none."))));
        var series = Object(
            "A sensor; one of very many values comes in several of these, one after the other.",
            [
                ("sensor_id", Text("Whose.")),
                ("watermark", Nullable(Time("Of the aggregate that is read: the exclusive end of the last materialised bucket."))),
                ("pending", Flag("Whether a late write touched the range and waits for the next refresh.")),
                ("complete", Flag("Whether retention has dropped nothing of the range.")),
                ("data_from", Nullable(Time("Where it has, from when on nothing is missing."))),
                ("time", List(Time("A reading's time, or a bucket's start."))),
                ("values", Object("A list for each column: function and metric, or the metric alone of readings.", values)),
                ("reading_count", List(Count("Readings in the bucket; not there for readings themselves."))),
                ("filled", List(Count("With fill only: the places of points with a value from it."))),
            ]);
        var byColumns = Object(
            "By columns.",
            [
                .. Series(series).Where(m => m.Name is "period" or "from" or "to"),
                ("source", Text("What was read: raw, or an aggregate.")),
                ("bucket", Text("What a point spans: raw, or a width such as 6 hours.")),
                ("tz", Text("The time zone of the buckets.")),
                ("series", List(series)),
                .. Series(series).Where(m => m.Name is "data_points" or "truncated" or "next_from"),
                ("next_sensor", Text("With truncated: the sensor where a next request goes on.")),
            ]);
        var row = Object(
            "With format=rows: a point.",
            [("time", Time("A reading's time, or a bucket's start.")), ("sensor_id", Text("Whose.")), .. schema.Metrics
                .Select(m => ($"avg_{m.Name}", Number("Null where there is none."))), ("reading_count", Count("Not for readings.")), (
                "filled", Flag("With fill only: whether it has a value from it."))]);
        return new OpenApiSchema { OneOf = [byColumns, List(row)] };
    }

    /// <summary>What is sent: one reading, or an array of them.</summary>
    public static OpenApiSchema Readings(TelemetrySchema schema)
        => new() { OneOf = [Reading(schema), new OpenApiSchema { Type = JsonSchemaType.Array, Items = Reading(schema) }] };

    public static OpenApiSchema Reading(TelemetrySchema schema)
    {
        var time = new OpenApiSchema
        {
            OneOf = [Time("RFC 3339 with a zone."), new OpenApiSchema {
                Type = JsonSchemaType.Integer,
                Description = "Epoch milliseconds." }],
        };
        var reading = Object(
            "A reading; a missing metric is null.",
            [("sensor_id", Text("1 to 50 characters.")), ("time", time), .. Metrics(schema)]);
        reading.Required = new HashSet<string> { "sensor_id", "time" };
        reading.AdditionalPropertiesAllowed = false;
        return reading;
    }

    private static (string Name, OpenApiSchema Schema) DataFrom(string when)
        => ("data_from", Nullable(Time($"{when} retention has dropped readings of the range, from when on none is missing; else null.")));

    private static IEnumerable<(string Name, OpenApiSchema Schema)> Series(OpenApiSchema row) =>
    [
        ("period", Nullable(Text("As asked; null with from."))),
        ("from", Time("The range's start, with from only.")),
        ("to", Nullable(Time("The range's exclusive end, with from only; null without one."))),
        ("data", new OpenApiSchema { Type = JsonSchemaType.Array, Items = row }),
        ("data_points", Count("Rows in data.")),
        ("query_time_ms", Number("From asking the store to the last row.")),
        ("truncated", new OpenApiSchema {
            Type = JsonSchemaType.Boolean,
            Description = "Only there, and true, when the answer stopped at server:max_rows." }),
        ("next_from", Time("With truncated: the next row's time, where a next request goes on.")),
    ];

    private static IEnumerable<(string Name, OpenApiSchema Schema)> Metrics(TelemetrySchema schema)
        => schema.Metrics.Select(
            m => (m.Name, Number(m.Unit.Length > 0 ? $"In {m.Unit}; null when it was not measured." : "Null when it was not measured.")));

    private static string DescribeColumn(string column, TelemetrySchema schema)
    {
        var of = schema.Aggregates.Where(a => a.Columns(schema.MetricNames).Contains(column)).ToList();
        return of.Count == schema.Aggregates.Count ? "Null when the bucket holds no value." : $"Only in {string.Join(", ", of)}.";
    }

    private static OpenApiSchema List(OpenApiSchema items) => new() { Type = JsonSchemaType.Array, Items = items };

    private static OpenApiSchema Flag(string description) => new() { Type = JsonSchemaType.Boolean, Description = description };

    private static OpenApiSchema Number(string description)
        => new() { Type = JsonSchemaType.Number | JsonSchemaType.Null, Format = "double", Description = description };

    private static OpenApiSchema Count(string description)
        => new() { Type = JsonSchemaType.Integer, Format = "int64", Description = description };

    private static OpenApiSchema Nullable(OpenApiSchema schema)
    {
        schema.Type |= JsonSchemaType.Null;
        return schema;
    }

    private static OpenApiSchema Object(string description, IEnumerable<(string Name, OpenApiSchema Schema)> members) => new()
    {
        Type = JsonSchemaType.Object,
        Description = description,
        Properties = members.ToDictionary(m => m.Name, IOpenApiSchema (m) => m.Schema),
    };
}
