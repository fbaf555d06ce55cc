// npm's @influxdata/influxdb-client: URL KEY MODE. See InfluxClient.cs.
import { setTimeout as pause } from 'node:timers/promises'
import { createRequire } from 'node:module'

const [url, key, mode, modules] = process.argv.slice(2)
const { InfluxDB, Point, HttpError, setLogger } = createRequire(modules)('@influxdata/influxdb-client')
setLogger({ error: (message, e) => console.log('again', message, e?.message ?? ''), warn: message => console.log('again', message) })
let written = 0
const writer = new InfluxDB({ url, token: key }).getWriteApi('org', 'plant', 's', {
  batchSize: 20, flushInterval: 0, gzipThreshold: 100, maxRetries: 100, minRetryDelay: 100, maxRetryDelay: 300, retryJitter: 10,
  writeSuccess: lines => { written += lines.length }
})
const point = (sensor, second, value) => new Point('m').tag('sensor_id', sensor).timestamp(1_700_000_000 + second).floatField('value', value)

if (mode === 'exact') {
  writer.writePoints([0.1, 1 / 3, 1e300, -5e-324].map((value, i) => point('Büro 1,a=b', i, value)))
  writer.writePoint(new Point('m').tag('sensor_id', 'Büro 1,a=b').timestamp(1_700_000_004).intField('value', 9007199254740991))
  await writer.close()
} else if (mode === 'refused') {
  writer.writePoints([point('a', 0, 1), point('b', 5_558_118_400, 2)])
  await writer.flush().catch(e => console.log('refused', e instanceof HttpError ? e.statusCode : '', e.message))
} else {
  // The client itself keeps what was not acknowledged, and sends it again.
  for (let batch = 0; batch < 50; batch++) {
    writer.writePoints(Array.from({ length: 20 }, (_, i) => point(`s${i}`, batch, batch)))
    await writer.flush().catch(() => {})
    console.log('batch', batch)
    await pause(20)
  }
  while (written < 1000) await pause(50)
  await writer.close()
}
