"""What Home Assistant's integration InfluxDB does with its settings, with the client library that it uses: HOST PORT USER PASSWORD DATABASE.

After homeassistant/components/influxdb/__init__.py: it writes nothing to see whether the server is there, and then a point for each state.
"""
import datetime
import sys

from influxdb import InfluxDBClient

host, port, user, password, database = sys.argv[1:]
client = InfluxDBClient(host=host, port=int(port), username=user, password=password, database=database, ssl=False, verify_ssl=True, timeout=5)
client.write_points([])
now = datetime.datetime.now(datetime.timezone.utc)
client.write_points([
    {
        "measurement": "sensor__temperature",
        "tags": {"domain": "sensor", "entity_id": "hall_temperature"},
        "time": now,
        "fields": {"value": 21.5, "state_class_str": "measurement", "unit_of_measurement_str": "°C", "friendly_name_str": "Hall temperature"},
    },
    {
        "measurement": "binary_sensor__door",
        "tags": {"domain": "binary_sensor", "entity_id": "front_door"},
        "time": now,
        "fields": {"state": "on", "value": 1.0, "friendly_name_str": "Front door"},
    },
], time_precision=None)
client.close()
