// Publishes messages with QoS 1 by npm's mqtt, a hundred on their way at a time, and prints the number of each that is acknowledged.
// publish.mjs PORT TOPIC COUNT: the time of message N is N milliseconds after the start of 2026-11-01.
import { createWriteStream } from 'node:fs';
import mqtt from 'mqtt';

const [port, topic, count] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const start = Date.UTC(2026, 10, 1);
const output = createWriteStream(null, { fd: 1 });
const client = mqtt.connect({ host: '127.0.0.1', port, reconnectPeriod: 50, connectTimeout: 5000, clientId: `publisher-${process.pid}`, clean: false });
client.on('error', () => {});

let next = 0;
let acknowledged = 0;
function publish() {
  if (next === count) {
    return;
  }

  const number = next++;
  const payload = JSON.stringify({ time: start + number, temperature: number % 100, humidity: 40.5, pressure: 1000 + number / 1e6 });
  client.publish(topic, payload, { qos: 1 }, (error) => {
    if (error) {
      console.error(`${number}: ${error.message}`);
      process.exit(1);
    }

    output.write(`${number}\n`);
    if (++acknowledged === count) {
      client.end(false, () => output.end());
    } else {
      publish();
    }
  });
}

client.once('connect', () => {
  for (let window = 0; window < 100; window++) {
    publish();
  }
});
