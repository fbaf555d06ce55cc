"""Debian's python3-influxdb: URL KEY MODE. See InfluxClient.cs."""
import sys
import time
from urllib.parse import urlparse

import requests
from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError

url, key, mode = urlparse(sys.argv[1]), sys.argv[2], sys.argv[3]
client = InfluxDBClient(url.hostname, url.port, "anybody", key, "plant", gzip=True)


def point(sensor, second, value):
    return {"measurement": "m", "tags": {"sensor_id": sensor}, "time": 1_700_000_000 + second, "fields": {"value": value}}


def write(*points):
    client.write_points(list(points), time_precision="s")


if mode == "exact":
    client.create_database("plant")
    assert client.get_list_database() == [{"name": "tidemark"}]
    assert client.ping()
    write(*[point("Büro 1,a=b", i, value) for i, value in enumerate([0.1, 1 / 3, 1e300, -5e-324])], point("Büro 1,a=b", 4, 9007199254740991))
elif mode == "refused":
    try:
        write(point("a", 0, 1.0), point("b", 5_558_118_400, 2.0))
    except InfluxDBClientError as e:
        print("refused", e.code, e.content)
else:
    for batch in range(50):
        while True:
            try:
                write(*[point(f"s{i}", batch, float(batch)) for i in range(20)])
                break
            except requests.exceptions.ConnectionError:
                print("again", flush=True)
                time.sleep(0.1)
        print("batch", batch, flush=True)
        time.sleep(0.02)
