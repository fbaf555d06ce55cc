// Gives each client, when the database's one session is its own, the settings, user and prepared statements it had before.

import { message, messages, sync } from './protocol.mjs'

// What a server reports at the start of a session.
const REPORTED = ['server_version', 'server_encoding', 'client_encoding', 'application_name', 'default_transaction_read_only', 'in_hot_standby',
  'is_superuser', 'session_authorization', 'DateStyle', 'IntervalStyle', 'TimeZone', 'integer_datetimes', 'standard_conforming_strings']

const literal = (text) => `'${text.replaceAll("'", "''")}'`

/** What a client finds again. Temporary tables, LISTEN and advisory locks of the session are common to all. */
export class Session {
  /** What was set since the start, as pairs of name and value. */
  settings = []
  settingsChange = false
  statements = new Map()
  mustPrepare = false

  /** @param parameters those of the client's startup message */
  constructor(parameters) {
    this.parameters = parameters
  }

  get state() {
    return JSON.stringify([[...this.parameters], this.settings])
  }
}

export class Sessions {
  #database
  #sessions = new Set()
  #current = null

  constructor(database) {
    this.#database = database
  }

  /** Begins a session. Returns what the server reports of it; throws a DatabaseError when the parameters won't do. */
  begin(session) {
    this.#park()
    this.#current = null
    this.#applyParameters(session)
    this.#sessions.add(session)
    this.#current = session
    return this.#database.run(`SELECT name, current_setting(name) FROM unnest('{${REPORTED}}'::text[]) name`)
  }

  hasUser(name) {
    return this.#database.run(`SELECT FROM pg_roles WHERE rolname = ${literal(name)}`).length > 0
  }

  switchTo(session) {
    if (this.#current !== session) {
      this.#park()
      if (this.#current?.state !== session.state) {
        this.#applyParameters(session)
        this.#set(session.settings)
      }

      this.#current = session
    }

    if (session.mustPrepare) {
      session.mustPrepare = false
      this.#database.exchange(Buffer.concat([...session.statements.values(), sync]))
    }
  }

  /** Keeps what a unit has changed in its session. */
  note(session, unit, answer) {
    let prepared = 0
    let failed = false
    const tags = new Set()
    for (const { type, body } of messages(answer)) {
      prepared += type === '1'
      failed ||= type === 'E'
      if (type === 'C') {
        tags.add(body.toString('latin1', 0, body.length - 1))
      }
    }

    unit.closed.forEach((name) => session.statements.delete(name))
    unit.prepared.slice(0, prepared).forEach(([name, parse]) => name && session.statements.set(name, parse))
    session.settingsChange ||= tags.has('SET') || tags.has('RESET') || unit.text.includes('set_config')
    if (tags.has('DISCARD ALL') || tags.has('DEALLOCATE ALL')) {
      session.statements.clear()
      this.#sessions.forEach((other) => (other.mustPrepare = true))
    }

    if (!failed && (tags.has('DISCARD ALL') || (tags.has('RESET') && /\breset\s+all\b/i.test(unit.text)))) {
      this.#applyParameters(session)
    }
  }

  end(session) {
    if (!this.#sessions.delete(session)) {
      return
    }

    if (this.#sessions.size === 0) {
      this.#database.run('DISCARD ALL')
      this.#current = null
    } else {
      this.#database.exchange(Buffer.concat([...[...session.statements.keys()].map((name) => message('C', `S${name}\0`)), sync]))
    }
  }

  forget() {
    this.#sessions.clear()
    this.#current = null
  }

  /** Keeps what settings the client that had the session leaves in it. */
  #park() {
    if (this.#current?.settingsChange) {
      this.#current.settings = this.#database.run(`
        SELECT name, setting FROM pg_settings WHERE source = 'session'
        UNION ALL SELECT 'session_authorization', session_user
        UNION ALL SELECT 'role', current_setting('role')`)
      this.#current.settingsChange = [...this.#current.statements.values()].some((parse) => parse.includes('set_config'))
    }
  }

  #applyParameters(session) {
    const { user, database, options = '', ...settings } = Object.fromEntries(session.parameters)
    for (const [, name, value] of options.matchAll(/(?:-c\s*|--)([\w.-]+)=(\S*)/g)) {
      settings[name] = value
    }

    this.#database.resetSettings()
    this.#set([...Object.entries(settings), ['session_authorization', user]])
  }

  #set(settings) {
    if (settings.length) {
      this.#database.run(`SELECT ${settings.map(([name, value]) => `set_config(${literal(name)}, ${literal(value)}, false)`)}`)
    }
  }
}
