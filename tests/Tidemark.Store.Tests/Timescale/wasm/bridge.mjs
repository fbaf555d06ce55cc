// Lets several clients share the database's one session.

import { randomInt } from 'node:crypto'
import { CopyIn, refuseCopy } from './copy.mjs'
import { failure, Inbox, message, messages, ProtocolViolation, sync, Unit } from './protocol.mjs'

const DATABASE = 'template1'
const GONE = { type: 'gone' }
const COPIED = { type: 'copied' }
const IDLE = message('Z', 'I')

// What a server reports at the start of a session.
const REPORTED = ['server_version', 'server_encoding', 'client_encoding', 'application_name', 'default_transaction_read_only', 'in_hot_standby',
  'is_superuser', 'session_authorization', 'DateStyle', 'IntervalStyle', 'TimeZone', 'integer_datetimes', 'standard_conforming_strings']

const literal = (text) => `'${text.replaceAll("'", "''")}'`

/** One connection: what it has sent so far, and what it finds again each time the database is its own. */
class Client {
  inbox = new Inbox()
  unit = new Unit()
  secret = randomInt(2 ** 31)
  parameters = new Map()
  statements = new Map()
  mustPrepare = false
  settings = ''
  touchesSettings = false
  copy = null

  constructor(socket, id) {
    this.socket = socket
    this.id = id
  }

  fail(code, text) {
    this.socket.end(failure('FATAL', code, text))
  }
}

/**
 * A client has the session until its transaction is over. Then the next in line gets its own settings, user and prepared
 * statements back. Temporary tables, LISTEN and advisory locks of the session are common to all clients.
 */
export class Bridge {
  #database
  #sockets = new Set()
  /** Those whose session has begun. */
  #clients = new Set()
  /** What waits, in the order of arrival: [client, unit]. */
  #line = []
  /** The client whose transaction is open. */
  #owner = null
  /** The client whose settings the session has. */
  #current = null
  #ids = 0

  constructor(database) {
    this.#database = database
  }

  accept(socket) {
    const client = new Client(socket, ++this.#ids)
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('data', (bytes) => this.#receive(client, bytes))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#enqueue(client, GONE)
    })
  }

  /** Parts with every client and empties the database. Returns false when the database can't be emptied. */
  reset() {
    this.#sockets.forEach((socket) => socket.removeAllListeners().on('error', () => {}).destroy())
    this.#sockets.clear()
    this.#clients.clear()
    this.#line = []
    this.#owner = null
    this.#current = null
    return this.#database.reset()
  }

  #receive(client, bytes) {
    client.inbox.push(bytes)
    try {
      for (let next = client.inbox.next(); next; next = client.inbox.next()) {
        this.#take(client, next)
      }
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) {
        throw error
      }

      client.socket.removeAllListeners('data')
      client.fail('08P01', `the bridge does not understand ${error.message}`)
    }
  }

  #take(client, next) {
    if (next.type === 'encryption') {
      client.socket.write('N')
    } else if (next.type === 'cancel') {
      this.#cancel(next)
      client.socket.end()
    } else if (next.type === 'startup' || next.type === 'X') {
      this.#enqueue(client, next)
    } else if (client.copy) {
      if (client.copy.add(next)) {
        this.#enqueue(client, COPIED)
      }
    } else if (client.unit.add(next, `${client.id}.`)) {
      this.#enqueue(client, client.unit)
      client.unit = new Unit()
    }
  }

  /** What runs can't be stopped, since this process does nothing else meanwhile; what waits in line can. */
  #cancel({ id, secret }) {
    const waiting = this.#line.find(([client, unit]) => client.id === id && client.secret === secret && unit instanceof Unit)
    if (waiting && waiting[0] !== this.#owner) {
      waiting[1].cancelled = true
    }
  }

  #enqueue(client, unit) {
    this.#line.push([client, unit])
    this.#schedule()
  }

  // Between two units the sockets are read, so that a cancellation can still reach what waits.
  #schedule() {
    setImmediate(() => this.#serve())
  }

  #serve() {
    const at = this.#owner ? this.#line.findIndex(([client]) => client === this.#owner) : 0
    const [[client, unit] = []] = at < 0 ? [] : this.#line.splice(at, 1)
    if (!client) {
      return
    }

    if (unit === GONE) {
      this.#leave(client)
    } else if (unit.type === 'X') {
      client.socket.end()
    } else if (unit.type === 'startup') {
      this.#welcome(client, unit.parameters)
    } else if (unit.cancelled) {
      client.socket.write(Buffer.concat([failure('ERROR', '57014', 'canceling statement due to user request'), message('Z', 'I')]))
    } else {
      this.#switchTo(client)
      this.#answer(client, unit === COPIED ? this.#endCopy(client) : this.#execute(client, unit))
    }

    this.#schedule()
  }

  #welcome(client, parameters) {
    const user = parameters.get('user')
    const name = parameters.get('database') ?? user
    if (name !== DATABASE) {
      return client.fail('3D000', `database "${name}" does not exist`)
    }

    if (!this.#database.run(`SELECT FROM pg_roles WHERE rolname = ${literal(user)}`).length) {
      return client.fail('28000', `role "${user}" does not exist`)
    }

    client.parameters = parameters
    this.#park()
    this.#current = null
    try {
      this.#beginSession(client)
    } catch (error) {
      return client.fail(error.code, error.message)
    }

    this.#clients.add(client)
    this.#current = client
    client.settings = this.#settings()
    const reported = this.#database.run(`SELECT name, current_setting(name) FROM unnest('{${REPORTED}}'::text[]) name`)
    client.socket.write(Buffer.concat([
      message('R', 0),
      ...reported.map(([setting, value]) => message('S', `${setting}\0${value}\0`)),
      message('K', client.id, client.secret),
      message('Z', 'I'),
    ]))
  }

  #execute(client, unit) {
    if (CopyIn.matches(unit.text)) {
      return this.#beginCopy(client, unit)
    }

    const answer = this.#database.exchange(unit.bytes)
    let prepared = 0
    for (const { type } of messages(answer)) {
      prepared += type === '1'
    }

    unit.closed.forEach((name) => client.statements.delete(name))
    unit.prepared.slice(0, prepared).forEach(([name, parse]) => name && client.statements.set(name, parse))
    client.touchesSettings ||= /(^|;)\s*(re)?set\b|\bset_config\b/i.test(unit.text)
    if (/\b(discard|deallocate)\s+all\b/i.test(unit.text)) {
      client.statements.clear()
      this.#clients.forEach((other) => (other.mustPrepare = true))
    }

    if (/\b(discard|reset)\s+all\b/i.test(unit.text)) {
      this.#beginSession(client)
    }

    return answer
  }

  #beginCopy(client, unit) {
    if (!unit.isQuery) {
      return this.#database.exchange(refuseCopy)
    }

    const copy = new CopyIn(this.#database, unit.text)
    const { answer, started } = copy.begin()
    client.copy = started ? copy : null
    return answer
  }

  #endCopy(client) {
    const answer = client.copy.end()
    client.copy = null
    return answer
  }

  /** Sends an answer on. Unless it ends outside a transaction, the session stays with the client. */
  #answer(client, answer) {
    const idle = answer.length >= 6 && answer.subarray(-6).equals(IDLE)
    this.#owner = idle ? null : client
    client.socket.write(answer)
  }

  #leave(client) {
    if (this.#owner === client) {
      this.#database.exchange(sync)
      this.#database.run('ROLLBACK')
      this.#owner = null
    }

    if (!this.#clients.delete(client)) {
      return
    }

    if (this.#clients.size === 0) {
      this.#database.run('DISCARD ALL')
      this.#current = null
    } else if (client.statements.size) {
      this.#database.exchange(Buffer.concat([...client.statements.keys()].map((name) => message('C', `S${name}\0`)).concat(sync)))
    }
  }

  #switchTo(client) {
    if (this.#current !== client) {
      this.#park()
      if (this.#current?.settings !== client.settings) {
        this.#beginSession(client)
        const settings = JSON.parse(client.settings)
        this.#database.run(`SELECT set_config(name, setting, false) FROM (VALUES ${settings.map((pair) => `(${pair.map(literal)})`)}) s(name, setting)`)
      }

      this.#current = client
    }

    if (client.mustPrepare) {
      client.mustPrepare = false
      this.#database.exchange(Buffer.concat([...client.statements.values(), sync]))
    }
  }

  /** Notes what settings the client that had the session leaves in it. */
  #park() {
    if (this.#current?.touchesSettings) {
      this.#current.settings = this.#settings()
    }
  }

  #settings() {
    return JSON.stringify(this.#database.run(`
      SELECT name, setting FROM pg_settings WHERE source = 'session'
      UNION ALL SELECT 'session_authorization', session_user
      UNION ALL SELECT 'role', current_setting('role')`))
  }

  /** A session as it is after the client's startup message. */
  #beginSession(client) {
    this.#database.resetSettings()
    const { user, database, options = '', ...settings } = Object.fromEntries(client.parameters)
    for (const [, name, value] of options.matchAll(/(?:-c\s*|--)([\w.-]+)=(\S*)/g)) {
      settings[name] = value
    }

    for (const [name, value] of Object.entries(settings).concat([['session_authorization', user]])) {
      this.#database.run(`SELECT set_config(${literal(name)}, ${literal(value)}, false)`)
    }
  }
}
