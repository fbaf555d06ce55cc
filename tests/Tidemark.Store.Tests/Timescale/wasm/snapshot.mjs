// A started database as it is at one moment: its memory and its files. Going back to it takes a fraction of a start.

const PAGE = 65536
const ZEROES = Buffer.alloc(PAGE)

// A library that is loaded later has a part in the memory that goes back and a part outside: then there is no way back.
let libraries = 0
WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
  construct(instance, args) {
    libraries++
    return Reflect.construct(instance, args)
  },
})

export class Snapshot {
  #module
  #libraries = libraries
  #pages
  #names
  #nodes = []
  #streams

  constructor(module) {
    const { FS } = module
    this.#module = module
    this.#pages = this.#memory().map((page) => (page.equals(ZEROES) ? ZEROES : Buffer.from(page)))
    this.#names = [...FS.nameTable]
    this.#streams = FS.streams.map((stream) => stream && { stream, position: stream.position })
    this.#walk(FS.lookupPath('/tmp').node)
  }

  /** Returns false, and changes nothing, when a library was loaded since. */
  restore() {
    const { FS } = this.#module
    if (libraries !== this.#libraries) {
      return false
    }

    this.#memory().forEach((page, at) => replace(page, this.#pages[at] ?? ZEROES))
    FS.nameTable.splice(0, FS.nameTable.length, ...this.#names)
    for (const { node, contents, ...rest } of this.#nodes) {
      Object.assign(node, rest)
      if (FS.isDir(node.mode)) {
        node.contents = { ...contents }
      } else if (node.usedBytes !== contents.length || !replace(bytesOf(node), contents)) {
        node.contents = new Uint8Array(contents)
        node.usedBytes = contents.length
      }
    }

    FS.streams.length = 0
    this.#streams.forEach((saved, fd) => {
      FS.streams[fd] = saved && Object.assign(saved.stream, { fd, position: saved.position })
    })
    return true
  }

  #memory() {
    const { buffer } = this.#module.HEAPU8
    return Array.from({ length: buffer.byteLength / PAGE }, (_, at) => Buffer.from(buffer, at * PAGE, PAGE))
  }

  #walk(node) {
    const folder = this.#module.FS.isDir(node.mode)
    const contents = folder ? { ...node.contents } : Buffer.from(bytesOf(node))
    this.#nodes.push({ node, contents, name_next: node.name_next, parent: node.parent, name: node.name, mode: node.mode })
    if (folder) {
      Object.values(contents).forEach((child) => this.#walk(child))
    }
  }
}

/** Makes bytes equal to others of the same length. Most are already, and to compare is cheaper than to copy. */
function replace(bytes, others) {
  return bytes.equals(others) || others.copy(bytes) === others.length
}

function bytesOf({ contents, usedBytes }) {
  return contents ? Buffer.from(contents.buffer, contents.byteOffset, usedBytes) : Buffer.alloc(0)
}
