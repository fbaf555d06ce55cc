// A broker that speaks nothing newer than MQTT 3.1.1: npm's aedes. aedes.mjs PORT: says so once it listens.
import { createServer } from 'node:net';
import { Aedes } from 'aedes';

const broker = await Aedes.createBroker();
createServer(broker.handle).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'));
