// TimescaleDB for .ci/end-to-end where the real image can't be had: the tests' WebAssembly build as a container's server,
// its files in the volume. It asks for no password, has one database and runs no jobs.

import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { Bridge } from './bridge.mjs'
import { Database } from './database.mjs'

const folder = `${process.argv[2]}/pglite`
const isNew = !existsSync(folder)
const database = await Database.start(folder)
if (isNew) {
  // What role.sql does.
  database.run('CREATE ROLE tidemark LOGIN; ALTER DATABASE template1 OWNER TO tidemark')
}

const bridge = new Bridge(database)
createServer((socket) => bridge.accept(socket)).listen(5432, () => console.log('ready'))
process.on('SIGTERM', () => process.exit())
