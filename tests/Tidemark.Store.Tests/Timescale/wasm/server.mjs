// Serves TimescaleDB to PostgreSQL clients on the loopback interface: node server.mjs PORT [FOLDER]
// Port 0 takes a free one; without a folder the database is in memory. Prints "listening PORT" when it is ready.
// A line on the standard input empties a database in memory, which is answered by "true" or, if it can't be, "false".
// Ends with its standard input, and so with the process that started it.

import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { Bridge } from './bridge.mjs'
import { Database } from './database.mjs'

process.on('uncaughtException', (error) => {
  console.error(error.stack)
  process.exit(1)
})

const [port, folder] = process.argv.slice(2)
const commands = createInterface({ input: process.stdin }).on('close', () => process.exit())
const bridge = new Bridge(await Database.start(folder))
commands.on('line', () => console.log(bridge.reset()))
const server = createServer((socket) => bridge.accept(socket))
server.listen(Number(port), '127.0.0.1', () => console.log(`listening ${server.address().port}`))
