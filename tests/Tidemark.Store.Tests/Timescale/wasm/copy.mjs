// COPY … FROM STDIN: this build of the database ends at it, but reads a file. So the bridge speaks that part of the
// protocol itself and runs the statement once the data is there.

import { message, messages, query } from './protocol.mjs'

const FILE = '/tmp/copy'
const STATEMENT = /^\s*COPY\s+([^()]+?)\s*(\(.*?\))?\s+FROM\s+STDIN\b(.*)$/is

const raise = (code, text) => query(`DO $tidemark$ BEGIN RAISE EXCEPTION USING ERRCODE = '${code}', MESSAGE = '${text.replaceAll("'", "''")}'; END $tidemark$`)

export class CopyIn {
  /** Whether a text holds such a statement, alone or among others. */
  static isIn(text) {
    return /\bFROM\s+STDIN\b/i.test(text)
  }

  /** Null when the text is not that one statement. */
  static from(database, text) {
    const [, table, columns, options] = STATEMENT.exec(text) ?? []
    return table ? new CopyIn(database, table, columns ?? '', options) : null
  }

  #database
  #table
  #columns
  #options
  #data = []
  #failure = null

  constructor(database, table, columns, options) {
    this.#database = database
    this.#table = table
    this.#columns = columns
    this.#options = options
  }

  /** Answers the statement itself: with what the client may send, or with an error. */
  begin() {
    const answer = this.#database.exchange(query(`SELECT ${this.#columns.slice(1, -1) || '*'} FROM ${this.#table} LIMIT 0`))
    const described = [...messages(answer)].find(({ type }) => type === 'T')
    if (!described) {
      return { answer, started: false }
    }

    const format = /\bbinary\b/i.test(this.#options) ? 1 : 0
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
      this.#failure = bytes.toString('utf8', 5, bytes.length - 1)
    }

    return type === 'c' || type === 'f'
  }

  end() {
    if (this.#failure !== null) {
      return this.#database.exchange(raise('57014', `COPY from stdin failed: ${this.#failure}`))
    }

    this.#database.putFile(FILE, Buffer.concat(this.#data))
    try {
      return this.#database.exchange(query(`COPY ${this.#table} ${this.#columns} FROM '${FILE}' ${this.#options}`))
    } finally {
      this.#database.removeFile(FILE)
    }
  }
}

/** Answers a COPY FROM STDIN that is not alone in a simple query. */
export const refuseCopy = raise('0A000', 'COPY FROM STDIN must be alone in a simple query')
