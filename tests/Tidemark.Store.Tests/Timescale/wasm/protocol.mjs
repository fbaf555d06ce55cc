// PostgreSQL's wire protocol 3.0 as far as a bridge must understand it: where messages end and what a few of them hold.

const PROTOCOL = 196608
const CANCEL = 80877102
const SSL = 80877103
const GSS = 80877104

/** What ends a unit: the database answers after it. */
const ENDS_UNIT = 'QSHF'
const IN_UNIT = 'PBDEC'
const COPY = 'dcf'
const KNOWN = `${ENDS_UNIT}${IN_UNIT}${COPY}X`
const LONGEST = 2 ** 30

export class ProtocolViolation extends Error {}

/** Collects what arrives in pieces of any size and gives it out message by message. */
export class Inbox {
  #pieces = []
  #length = 0
  #started = false

  push(bytes) {
    this.#pieces.push(bytes)
    this.#length += bytes.length
  }

  /** The next whole message, or null until the rest of it is there. */
  next() {
    const prefix = this.#started ? 1 : 0
    const head = this.#first(prefix + 4)
    if (!head) {
      return null
    }

    const type = String.fromCharCode(head[0])
    if (this.#started && !KNOWN.includes(type)) {
      throw new ProtocolViolation(`message type ${JSON.stringify(type)}`)
    }

    const length = head.readUInt32BE(prefix)
    if (length < 4 || length > LONGEST) {
      throw new ProtocolViolation(`a message of ${length} bytes`)
    }

    const bytes = this.#first(prefix + length)
    if (!bytes) {
      return null
    }

    this.#pieces[0] = this.#pieces[0].subarray(bytes.length)
    this.#length -= bytes.length
    return this.#started ? { type, bytes } : this.#startup(bytes)
  }

  /** The first bytes of what is there, or null when there are fewer. Pieces are joined only then: a long message has many. */
  #first(count) {
    if (this.#length < count) {
      return null
    }

    if (this.#pieces[0].length < count) {
      this.#pieces = [Buffer.concat(this.#pieces)]
    }

    return this.#pieces[0].subarray(0, count)
  }

  #startup(bytes) {
    const code = bytes.length < 8 ? 0 : bytes.readUInt32BE(4)
    if (code === SSL || code === GSS) {
      return { type: 'encryption' }
    }

    if (code === CANCEL && bytes.length === 16) {
      return { type: 'cancel', id: bytes.readInt32BE(8), secret: bytes.readInt32BE(12) }
    }

    if (code !== PROTOCOL) {
      throw new ProtocolViolation(`protocol ${code >>> 16}.${code & 0xffff}`)
    }

    this.#started = true
    const fields = bytes.toString('utf8', 8).split('\0')
    const end = fields.indexOf('')
    const pairs = fields.slice(0, end - (end % 2)).flatMap((name, i, all) => (i % 2 ? [] : [[name, all[i + 1]]]))
    return { type: 'startup', parameters: new Map(pairs) }
  }
}

/** Gathers messages up to the one after which the database answers. */
export class Unit {
  #parts = []
  /** Statements that the unit prepares under a name, in order: [name, the whole Parse message]. */
  prepared = []
  closed = []
  text = ''
  isQuery = false
  cancelled = false

  /** Adds a message; statement names get the prefix, since clients share one session. Returns whether the unit is whole. */
  add({ type, bytes }, prefix) {
    if (COPY.includes(type)) {
      // Left over from a COPY that failed; a server drops these too.
      return false
    }

    const message = qualify(type, bytes, prefix)
    if (type === 'P') {
      const [name, text] = message.toString('utf8', 5).split('\0', 2)
      this.prepared.push([name, message])
      this.text += `${text};`
    } else if (type === 'Q') {
      this.isQuery = true
      this.text += message.toString('utf8', 5, message.length - 1)
    } else if (type === 'C' && message[5] === 0x53) {
      this.closed.push(message.toString('utf8', 6, message.length - 1))
    }

    this.#parts.push(message)
    return ENDS_UNIT.includes(type)
  }

  get bytes() {
    return Buffer.concat(this.#parts)
  }
}

function qualify(type, bytes, prefix) {
  const named = type === 'P' ? 5 : type === 'B' ? bytes.indexOf(0, 5) + 1 : 'DC'.includes(type) && bytes[5] === 0x53 ? 6 : 0
  if (!named || bytes[named] === 0) {
    return bytes
  }

  const longer = Buffer.concat([bytes.subarray(0, named), Buffer.from(prefix), bytes.subarray(named)])
  longer.writeUInt32BE(longer.length - 1, 1)
  return longer
}

export function message(type, ...parts) {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'number' ? int32(part) : Buffer.from(part))))
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

export const query = (sql) => message('Q', `${sql}\0`)

export const sync = message('S')

export const failure = (severity, code, text) => message('E', `S${severity}\0V${severity}\0C${code}\0M${text}\0\0`)

/** The messages of an answer, each as its type and its body. */
export function* messages(answer) {
  for (let at = 0; at < answer.length; ) {
    const end = at + 1 + answer.readUInt32BE(at + 1)
    yield { type: String.fromCharCode(answer[at]), body: answer.subarray(at + 5, end) }
    at = end
  }
}

/** The text of each column of each row. */
export function rows(answer) {
  return [...messages(answer)].filter(({ type }) => type === 'D').map(({ body }) => {
    const row = []
    for (let at = 2; at < body.length; ) {
      const length = body.readInt32BE(at)
      row.push(length < 0 ? null : body.toString('utf8', at + 4, at + 4 + length))
      at += 4 + Math.max(0, length)
    }

    return row
  })
}

function int32(number) {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(number)
  return bytes
}
