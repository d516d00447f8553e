import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

/** What may fail. A write is also what makes a file; an open is what is to be written to. */
export const operations = ['write', 'datasync', 'truncate', 'close', 'open', 'rename', 'mkdir'] as const
export type Operation = (typeof operations)[number]

/** What the kernel says: full, a quota used up, a device that fails, a file system made read-only, and one on a server that has forgotten it. */
export const failures = {
  ENOSPC: 'no space left on device',
  EDQUOT: 'quota exceeded',
  EIO: 'i/o error',
  EROFS: 'read-only file system',
  ESTALE: 'stale file handle',
} as const

/** Which write, or other operation, of which files fails, counted from 1: that one, or that one and all after it. */
export interface Shortage {
  files: RegExp
  nth: number
  lasts: 'once' | 'for good'
  operation: Operation
  code: keyof typeof failures
}

type FileHandle = Awaited<ReturnType<typeof fs.open>>
const original = { open: fs.open, writeFile: fs.writeFile, rename: fs.rename, mkdir: fs.mkdir }
const volumes = new Set<ScarceVolume>()

/**
 * A folder whose file system runs out of space when it is told to: the real one beneath, but for the write that fails as the kernel lets it fail,
 * with a part of the bytes on the disk and ENOSPC, or, for a file that is to be made, with nothing.
 */
export class ScarceVolume {
  shortage: Shortage | undefined
  /** What failed first, as far as anything did. */
  failed: string | undefined
  readonly #counts = new Map<Operation, number>()
  /** Every write that was begun so far, by the path of its file. */
  readonly writes: string[] = []
  /** How many of them are over, well or not. */
  over = 0
  /** What is open now, and the path of each. */
  readonly handles = new Map<FileHandle, string>()
  readonly root: string

  constructor(root: string) {
    this.root = root
    if (volumes.size === 0) install()
    volumes.add(this)
  }

  close(): void {
    volumes.delete(this)
    if (volumes.size === 0) restore()
  }

  /** Counts it; whether it fails. */
  fails(path: string, operation: Operation): boolean {
    if (operation === 'write') this.writes.push(path)
    const { shortage } = this
    if (shortage?.operation !== operation || !shortage.files.test(path)) return false
    const nth = (this.#counts.get(operation) ?? 0) + 1
    this.#counts.set(operation, nth)
    const fails = shortage.lasts === 'once' ? nth === shortage.nth : nth >= shortage.nth
    if (fails) this.failed ??= path
    return fails
  }
}

const volumeOf = (path: unknown) => [...volumes].find(({ root }) => String(path).startsWith(root))
const fails = (path: unknown, operation: Operation = 'write') => volumeOf(path)?.fails(String(path), operation) === true
async function counted<T>(path: unknown, write: () => Promise<T>): Promise<T> {
  const volume = volumeOf(path)
  try {
    return await write()
  } finally {
    if (volume !== undefined) volume.over++
  }
}
const noSpace = (path: unknown) => {
  const code = volumeOf(path)?.shortage?.code ?? 'ENOSPC'
  return Object.assign(new Error(`${code}: ${failures[code]}, ${volumeOf(path)?.shortage?.operation} ${path}`), { code })
}
const half = (data: unknown) => Buffer.from(data as Uint8Array).subarray(0, Buffer.from(data as Uint8Array).length >> 1)

function install(): void {
  Object.assign(fs, {
    async open(...parameters: Parameters<typeof fs.open>) {
      const [path, flags] = parameters
      const makes = volumeOf(path) !== undefined && flags !== 'r' && (await fs.stat(path).catch(() => undefined)) === undefined
      if (makes && (await counted(path, async () => fails(path)))) throw noSpace(path)
      if (volumeOf(path) !== undefined && flags !== 'r' && fails(path, 'open')) throw noSpace(path)
      const handle = await original.open(...parameters)
      const volume = volumeOf(path)
      if (volume === undefined) return handle
      volume.handles.set(handle, String(path))
      return scarce(handle, String(path), (await handle.stat()).size, () => volume.handles.delete(handle))
    },
    async rename(...parameters: Parameters<typeof fs.rename>) {
      if (fails(parameters[1], 'rename')) throw noSpace(parameters[1])
      return original.rename(...parameters)
    },
    async mkdir(...parameters: Parameters<typeof fs.mkdir>) {
      if (fails(parameters[0], 'mkdir')) throw noSpace(parameters[0])
      return original.mkdir(...parameters)
    },
    writeFile: (...parameters: Parameters<typeof fs.writeFile>) =>
      counted(parameters[0], async () => {
        const [path, data] = parameters
        if (!fails(path)) return original.writeFile(...parameters)
        await original.writeFile(path, half(data))
        throw noSpace(path)
      }),
  })
  syncBuiltinESMExports()
}

function restore(): void {
  Object.assign(fs, original)
  syncBuiltinESMExports()
}

function scarce(handle: FileHandle, path: string, size: number, onClose: () => void): FileHandle {
  const { appendFile, close, datasync, sync, truncate, writeFile, write, writev } = handle
  let synced = size
  /** A write was cut short; the one that goes on with it fails. */
  let isShort = false
  const whole = (how: 'appendFile' | 'writeFile', data: unknown, options: unknown) =>
    counted(path, async () => {
      const really = (how === 'appendFile' ? appendFile : writeFile).bind(handle)
      if (!fails(path)) return really(data as string, options as undefined)
      await really(half(data))
      throw noSpace(path)
    })
  /** What was written since the last one is gone when it fails. */
  const syncing = (how: () => Promise<void>) => async () => {
    if (fails(path, 'datasync')) {
      await truncate.call(handle, Math.min(synced, (await handle.stat()).size))
      throw noSpace(path)
    }
    await how.call(handle)
    synced = (await handle.stat()).size
  }
  return Object.assign(handle, {
    close: async () => {
      onClose()
      await close.call(handle)
      if (fails(path, 'close')) throw noSpace(path)
    },
    datasync: syncing(datasync),
    sync: syncing(sync),
    truncate: async (length: number) => {
      if (fails(path, 'truncate')) throw noSpace(path)
      return truncate.call(handle, length)
    },
    appendFile: (data: unknown, options: unknown) => whole('appendFile', data, options),
    writeFile: (data: unknown, options: unknown) => whole('writeFile', data, options),
    async write(data: Uint8Array, offset: number, length: number, position: number) {
      if (isShort) {
        isShort = false
        throw noSpace(path)
      }
      return counted(path, async () => {
        if (fails(path)) throw noSpace(path)
        return Reflect.apply(write, handle, [data, offset, length, position])
      })
    },
    writev: (buffers: Uint8Array[], position: number) =>
      counted(path, async () => {
        if (!fails(path)) return writev.call(handle, buffers, position)
        const front = half(Buffer.concat(buffers))
        if (front.length === 0) throw noSpace(path)
        isShort = true
        return writev.call(handle, [front], position)
      }),
  }) as FileHandle
}
