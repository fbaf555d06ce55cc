// A started database as it is at one moment: its memory and its files. Going back to it takes a fraction of a start.

// A library that is loaded later lives in the memory that goes back and outside of it: then there is no way back.
let libraries = 0
WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
  construct(instance, args) {
    libraries++
    return Reflect.construct(instance, args)
  },
})

export class Snapshot {
  #module
  #memory
  #libraries = libraries
  #names
  #nodes = []
  #streams

  constructor(module) {
    const { FS, HEAPU8 } = module
    this.#module = module
    this.#memory = HEAPU8.slice()
    this.#names = [...FS.nameTable]
    this.#streams = FS.streams.map((stream) => stream && { stream, position: stream.position })
    this.#walk(FS.lookupPath('/tmp').node)
  }

  #walk(node) {
    const { FS } = this.#module
    const contents = FS.isDir(node.mode) ? { ...node.contents } : node.contents?.slice(0, node.usedBytes)
    this.#nodes.push({ node, contents, name_next: node.name_next, parent: node.parent, name: node.name, mode: node.mode })
    if (FS.isDir(node.mode)) {
      Object.values(contents).forEach((child) => this.#walk(child))
    }
  }

  /** Returns false, and changes nothing, when a library was loaded since. */
  restore() {
    const { FS, HEAPU8 } = this.#module
    if (libraries !== this.#libraries) {
      return false
    }

    HEAPU8.set(this.#memory)
    HEAPU8.fill(0, this.#memory.length)
    FS.nameTable.splice(0, FS.nameTable.length, ...this.#names)
    for (const { node, contents, ...rest } of this.#nodes) {
      Object.assign(node, rest)
      node.contents = FS.isDir(node.mode) ? { ...contents } : contents?.slice()
      if (!FS.isDir(node.mode)) {
        node.usedBytes = contents?.length ?? 0
      }
    }

    FS.streams.length = 0
    this.#streams.forEach((saved, fd) => {
      FS.streams[fd] = saved && Object.assign(saved.stream, { fd, position: saved.position })
    })
    return true
  }
}
