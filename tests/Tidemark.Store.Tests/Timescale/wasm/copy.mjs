// COPY … FROM STDIN: this build of the database ends at it, but reads a file. So the bridge speaks that part of the
// protocol itself and runs the statement once the data is there.

import { message, messages, query } from './protocol.mjs'

const FILE = '/tmp/copy'
const STATEMENT = /^\s*COPY\s+([^()]+?)\s*(\(.*?\))?\s+FROM\s+STDIN\b(.*)$/is

const raise = (code, text) => query(`DO $tidemark$ BEGIN RAISE EXCEPTION USING ERRCODE = '${code}', MESSAGE = '${text.replaceAll("'", "''")}'; END $tidemark$`)

export class CopyIn {
  static matches(text) {
    return STATEMENT.test(text)
  }

  #database
  #parts
  #statement
  #data = []

  constructor(database, text) {
    this.#database = database
    const [, table, columns, options] = STATEMENT.exec(text)
    this.#parts = { table, columns: columns ?? '', options }
  }

  /** Answers the statement itself: with what the client may send, or with an error. */
  begin() {
    const { table, columns, options } = this.#parts
    this.#statement = `COPY ${table} ${columns} FROM '${FILE}' ${options}`
    const answer = this.#database.exchange(query(`SELECT ${columns.slice(1, -1) || '*'} FROM ${table} LIMIT 0`))
    const described = [...messages(answer)].find(({ type }) => type === 'T')
    if (!described) {
      return { answer, started: false }
    }

    const format = /\bbinary\b/i.test(options) ? 1 : 0
    const body = Buffer.alloc(3 + 2 * described.body.readUInt16BE(0))
    body[0] = format
    body.writeUInt16BE(described.body.readUInt16BE(0), 1)
    for (let at = 3; at < body.length; at += 2) {
      body.writeUInt16BE(format, at)
    }

    return { answer: message('G', body), started: true }
  }

  /** Takes what follows. Returns whether the client is done. */
  add({ type, bytes }) {
    if (type === 'd') {
      this.#data.push(bytes.subarray(5))
    } else if (type === 'f') {
      this.failed = bytes.toString('utf8', 5, bytes.length - 1)
    }

    return type === 'c' || type === 'f'
  }

  end() {
    if (this.failed !== undefined) {
      return this.#database.exchange(raise('57014', `COPY from stdin failed: ${this.failed}`))
    }

    this.#database.putFile(FILE, Buffer.concat(this.#data))
    try {
      return this.#database.exchange(query(this.#statement))
    } finally {
      this.#database.removeFile(FILE)
    }
  }
}

/** Refuses a COPY inside the extended protocol, where no driver sends it. */
export const refuseCopy = raise('0A000', 'COPY FROM STDIN works in the simple query protocol only')
