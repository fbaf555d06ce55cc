// Lets several clients share the database: each has it until its transaction is over, then the next in line.

import { randomInt } from 'node:crypto'
import { CopyIn, refuseCopy } from './copy.mjs'
import { failure, Inbox, message, ProtocolViolation, sync, Unit } from './protocol.mjs'
import { Session, Sessions } from './sessions.mjs'

const DATABASE = 'template1'
const GONE = { type: 'gone' }
const COPIED = { type: 'copied' }
const IDLE = message('Z', 'I')

/** One connection and what it has sent so far. */
class Client {
  inbox = new Inbox()
  unit = new Unit()
  secret = randomInt(2 ** 31)
  session = null
  copy = null

  constructor(socket, id) {
    this.socket = socket
    this.id = id
  }

  fail(code, text) {
    this.socket.end(failure('FATAL', code, text))
  }
}

export class Bridge {
  #database
  #sessions
  #sockets = new Set()
  /** What waits, in the order of arrival: [client, unit]. */
  #line = []
  /** The client whose transaction is open. */
  #owner = null
  #ids = 0

  constructor(database) {
    this.#database = database
    this.#sessions = new Sessions(database)
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
    this.#sessions.forget()
    this.#line = []
    this.#owner = null
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
      this.#end(client)
    } else if (unit.type === 'X') {
      client.socket.end()
    } else if (unit.type === 'startup') {
      this.#begin(client, unit.parameters)
    } else if (unit.cancelled) {
      client.socket.write(Buffer.concat([failure('ERROR', '57014', 'canceling statement due to user request'), IDLE]))
    } else if (client.session) {
      this.#sessions.switchTo(client.session)
      const answer = unit === COPIED ? this.#endCopy(client) : this.#execute(client, unit)
      this.#owner = answer.subarray(-IDLE.length).equals(IDLE) ? null : client
      client.socket.write(answer)
    }

    this.#schedule()
  }

  #begin(client, parameters) {
    const user = parameters.get('user')
    const name = parameters.get('database') ?? user
    if (name !== DATABASE) {
      return client.fail('3D000', `database "${name}" does not exist`)
    }

    if (!this.#sessions.hasUser(user)) {
      return client.fail('28000', `role "${user}" does not exist`)
    }

    const session = new Session(parameters)
    try {
      const reports = this.#sessions.begin(session).map(([setting, value]) => message('S', `${setting}\0${value}\0`))
      client.session = session
      client.socket.write(Buffer.concat([message('R', 0), ...reports, message('K', client.id, client.secret), IDLE]))
    } catch (error) {
      client.fail(error.code, error.message)
    }
  }

  #end(client) {
    if (this.#owner === client) {
      this.#database.exchange(sync)
      this.#database.run('ROLLBACK')
      this.#owner = null
    }

    this.#sessions.end(client.session)
  }

  #execute(client, unit) {
    if (CopyIn.isIn(unit.text)) {
      return this.#beginCopy(client, unit)
    }

    const answer = this.#database.exchange(unit.bytes)
    this.#sessions.note(client.session, unit, answer)
    return answer
  }

  #beginCopy(client, unit) {
    const copy = unit.isQuery && CopyIn.from(this.#database, unit.text)
    if (!copy) {
      return this.#database.exchange(refuseCopy)
    }

    const { answer, started } = copy.begin()
    client.copy = started ? copy : null
    return answer
  }

  #endCopy(client) {
    const answer = client.copy.end()
    client.copy = null
    return answer
  }
}
