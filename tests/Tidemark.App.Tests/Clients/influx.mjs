// npm's influx: URL KEY MODE. See InfluxClient.cs.
import { setTimeout as pause } from 'node:timers/promises'
import { createRequire } from 'node:module'

const [url, key, mode, modules] = process.argv.slice(2)
const { InfluxDB } = createRequire(modules)('influx')
const { hostname, port } = new URL(url)
const client = new InfluxDB({ host: hostname, port: Number(port), username: 'anybody', password: key, database: 'plant' })
const point = (sensor, second, value) => ({ measurement: 'm', tags: { sensor_id: sensor }, timestamp: 1_700_000_000 + second, fields: { value } })
const write = points => client.writePoints(points, { precision: 's' })

if (mode === 'exact') {
  await client.createDatabase('plant')
  if ((await client.getDatabaseNames()).join() !== 'tidemark') throw new Error('there is another database')
  if (!(await client.ping(5000))[0].online) throw new Error('the server is not online')
  await write([0.1, 1 / 3, 1e300, -5e-324, 9007199254740991].map((value, i) => point('Büro 1,a=b', i, value)))
} else if (mode === 'refused') {
  await write([point('a', 0, 1), point('b', 5_558_118_400, 2)]).catch(e => console.log('refused', e.res?.statusCode, e.message))
} else {
  for (let batch = 0; batch < 50; batch++) {
    for (let written = false; !written;) {
      try {
        await write(Array.from({ length: 20 }, (_, i) => point(`s${i}`, batch, batch)))
        written = true
      } catch (e) {
        console.log('again', e.message)
        await pause(100)
      }
    }
    console.log('batch', batch)
    await pause(20)
  }
}
