import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

/** Which write of which files fails, counted from 1: that one, or that one and all after it. */
export interface Shortage {
  files: RegExp
  nth: number
  lasts: 'once' | 'for good'
}

type FileHandle = Awaited<ReturnType<typeof fs.open>>
const original = { open: fs.open, writeFile: fs.writeFile }
const volumes = new Set<ScarceVolume>()

/**
 * A folder whose file system runs out of space when it is told to: the real one beneath, but for the write that fails as the kernel lets it fail,
 * with a part of the bytes on the disk and ENOSPC, or, for a file that is to be made, with nothing.
 */
export class ScarceVolume {
  shortage: Shortage | undefined
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

  /** Counts a write; whether it fails. */
  fails(path: string): boolean {
    this.writes.push(path)
    const { shortage } = this
    if (shortage === undefined || !shortage.files.test(path)) return false
    const nth = this.writes.filter((one) => shortage.files.test(one)).length
    return shortage.lasts === 'once' ? nth === shortage.nth : nth >= shortage.nth
  }
}

const volumeOf = (path: unknown) => [...volumes].find(({ root }) => String(path).startsWith(root))
const fails = (path: unknown) => volumeOf(path)?.fails(String(path)) === true
async function counted<T>(path: unknown, write: () => Promise<T>): Promise<T> {
  const volume = volumeOf(path)
  try {
    return await write()
  } finally {
    if (volume !== undefined) volume.over++
  }
}
const noSpace = (path: unknown) => Object.assign(new Error(`ENOSPC: no space left on device, write ${path}`), { code: 'ENOSPC' })
const half = (data: unknown) => Buffer.from(data as Uint8Array).subarray(0, Buffer.from(data as Uint8Array).length >> 1)

function install(): void {
  Object.assign(fs, {
    async open(...parameters: Parameters<typeof fs.open>) {
      const [path, flags] = parameters
      const makes = volumeOf(path) !== undefined && flags !== 'r' && (await fs.stat(path).catch(() => undefined)) === undefined
      if (makes && (await counted(path, async () => fails(path)))) throw noSpace(path)
      const handle = await original.open(...parameters)
      const volume = volumeOf(path)
      if (volume === undefined) return handle
      volume.handles.set(handle, String(path))
      return scarce(handle, String(path), () => volume.handles.delete(handle))
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

function scarce(handle: FileHandle, path: string, onClose: () => void): FileHandle {
  const { appendFile, close, writeFile, write, writev } = handle
  /** A write was cut short; the one that goes on with it fails. */
  let isShort = false
  const whole = (how: 'appendFile' | 'writeFile', data: unknown, options: unknown) =>
    counted(path, async () => {
      const really = (how === 'appendFile' ? appendFile : writeFile).bind(handle)
      if (!fails(path)) return really(data as string, options as undefined)
      await really(half(data))
      throw noSpace(path)
    })
  return Object.assign(handle, {
    close: () => {
      onClose()
      return close.call(handle)
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
