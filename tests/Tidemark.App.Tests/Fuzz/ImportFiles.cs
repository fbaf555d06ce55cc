using System.Text;
using DuckDB.NET.Data;
using ZstdSharp;

namespace Tidemark.App.Tests.Fuzz;

/// <summary>Files of all formats, most of them broken, with options as a user might give.</summary>
internal sealed class ImportFiles
{
    private static readonly string[] Csv =
    [
        "time,sensor_id,temperature,humidity\n2024-05-01T10:00:00Z,s1,21.5,40\n2024-05-01T10:01:00Z,s1,21.75,\n"
            + "2024-05-01T10:00:00Z,\"s,2\",-3,NA\n",
        "Station 7\n\nDate;Clock;Temp °C;Note\n01.05.2024;10:00;21,5;\"one\ntwo\"\n01.05.2024;10:10;1.021,75;x\n",
        "timestamp\tsensor\tmetric\tvalue\n1714557600\ta\tt\t1\n1714557600\ta\th\t2\n1714557660\tb\tt\t3\n",
        "time,a,b,c\n2024-03-31 01:59:00,1,2,3\n2024-03-31 02:30:00,4,,6\n2024-10-27 02:30:00,7,8,9\n2024-10-27 02:30:00,7,8,9\n",
        "# made by x\ntime,sensor_id,v\n202405011000,s,1e5\n202405011001,s,inf\n",
    ];

    private static readonly string[] Json =
    [
        """
        {"time":"2024-05-01T10:00:00Z","sensor_id":"a","temperature":21.5,"b":{"c":1,"d":[1]}}
        {"time":1714557600000,"sensor_id":"a","x":"2"}
        """,
        """
        [
         {"time": "2024-05-01 10:00", "sensor_id": 7, "t": true},
         {"time": 1714557600, "sensor_id": "b", "t": null}
        ]
        """,
        """
        {"at":{"t":1714557600.5},"dev":{"id":"x"},"m":"temp","v":"1,5"}{"at":{"t":1714557601},"dev":{"id":"x"},"m":"hum","v":2}
        """,
    ];

    private static readonly string[] Lines =
    [
        "m,host=a t=1,u=2i 1714557600000000000\nm,host=b t=1 1714557600000000001\nm x=\"a\nb\",v=t\n",
        "sensor_data,sensor_id=s1 temperature=21.5 1714557600\n# c\n\nco2,room=2 value=612i 1714557601\n",
    ];

    private static readonly string[][] Options =
    [
        [], [], [], ["--time-zone", "Europe/Berlin"], ["--time-zone", "+01:00"], ["--sensor", "x"], ["--time-unit", "s"],
        ["--format", "csv"], ["--format", "ndjson"], ["--format", "line-protocol"], ["--format", "parquet"],
        ["--delimiter", ";", "--decimal", ",", "--thousands", ".", "--map", "time=Date+Clock", "--sensor", "roof", "--time-zone", "UTC"],
        ["--map", "time=timestamp,sensor_id=sensor", "--metric-column", "metric", "--value-column", "value"],
        ["--sensors-in-columns", "--metric", "t", "--time-zone", "Europe/Berlin"], ["--encoding", "utf-16"], ["--encoding", "windows-1252"],
        ["--comment", "#", "--header-line", "2"], ["--null", "inf", "--null", "x"], ["--replace"],
        ["--map", "time=at.t,sensor_id=dev.id", "--metric-column", "m", "--value-column", "v", "--decimal", ","],
        ["--time-format", "%d.%m.%Y %H:%M", "--time-zone", "UTC"], ["--skip-after-header", "1"],
    ];

    private readonly (string Extension, byte[][] Contents)[] _kinds;

    public ImportFiles(string folder)
    {
        var parquet = Path.Combine(folder, "valid.parquet");
        using var connection = new DuckDBConnection("Data Source=:memory:");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $$"""
            COPY (SELECT TIMESTAMPTZ '2024-05-01 10:00:00+00' + to_minutes(i) AS time, 's' || i % 3 AS sensor_id, i / 7 AS temperature,
            i::UTINYINT AS u, (i / 3)::DECIMAL(9, 2) AS d, i % 2 = 0 AS ok, {'x': i, 'y': [i]} AS f FROM range(50) t(i))
            TO '{{parquet}}' (FORMAT parquet)
            """;
        command.ExecuteNonQuery();
        _kinds =
        [
            (".csv", Bytes(Csv)), (".csv", Bytes(Csv)), (".ndjson", Bytes(Json)), (".json", Bytes(Json)), (".lp", Bytes(Lines)),
            (".parquet", [File.ReadAllBytes(parquet)]),
        ];
    }

    /// <summary>Writes a file here and names it.</summary>
    public (string Name, string[] Options) Write(Random random)
    {
        var (extension, contents) = _kinds[random.Next(_kinds.Length)];
        var (mutator, other) = (new Mutator(random), _kinds[random.Next(_kinds.Length)].Contents[0]);
        var bytes = mutator.Change(contents[random.Next(contents.Length)], other.Length > 1000 ? other.AsSpan(0, 200) : other);
        if (extension != ".parquet" && random.Next(10) == 0)
        {
            var text = Encoding.UTF8.GetString(bytes);
            var encoding = random.Next(3) switch { 0 => Encoding.Unicode, 1 => Encoding.BigEndianUnicode, _ => Encoding.UTF32 };
            bytes = [.. encoding.GetPreamble(), .. encoding.GetBytes(text)];
        }

        var name = $"in{extension}";
        switch (random.Next(12))
        {
            case 0:
                (name, bytes) = ($"{name}.gz", Packed.Gzip(bytes));
                break;
            case 1:
                (name, bytes) = ($"{name}.gz", Packed.Any(bytes, random).Bytes);
                break;
            case 2:
                (name, bytes) = ($"{name}.zst", Zstd(bytes));
                break;
            case 3:
                (name, bytes) = ($"{name}.zst", mutator.Change(Zstd(bytes), [1, 2, 3]));
                break;
            case 4:
                // By its name it is something else.
                name = $"in{_kinds[random.Next(_kinds.Length)].Extension}";
                break;
        }

        File.WriteAllBytes(name, bytes);
        return (name, Options[random.Next(Options.Length)]);
    }

    private static byte[] Zstd(byte[] bytes)
    {
        using var compressor = new Compressor();
        return compressor.Wrap(bytes).ToArray();
    }

    private static byte[][] Bytes(string[] texts) => [.. texts.Select(Encoding.UTF8.GetBytes)];
}
