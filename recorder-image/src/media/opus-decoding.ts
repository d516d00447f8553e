import { Worker } from 'node:worker_threads'

/** How sound is handed on: 16 bit, little endian, channels interleaved. */
export interface PcmForm {
  rate: 16_000 | 48_000
  channels: 1 | 2
}

export type DecodeOrder =
  | { type: 'open'; id: number; form: PcmForm }
  /** Packets of Opus, in order. */
  | { type: 'decode'; id: number; packets: Uint8Array[] }
  | { type: 'close'; id: number }
/** What each decode of some orders gave, in their order. */
export type Decoded = { pcm: Uint8Array[] }

/** A thread that nobody has a decoder in ends after so long. */
const idleMillis = 30_000

/**
 * Decoders for everybody in one thread, which is there while somebody needs it: no process and no thread a user. What is asked for in one turn goes to it at once: sound of
 * many comes together, and a message costs more than what is decoded for it.
 */
export class Decoding {
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #lastId = 0
  /** In the order in which they were asked for: the thread answers in it. */
  readonly #awaited: PromiseWithResolvers<Uint8Array>[] = []
  #orders: DecodeOrder[] = []
  readonly #open = new Map<number, PcmForm>()

  open(form: PcmForm): Decoder {
    const id = ++this.#lastId
    this.#open.set(id, form)
    this.#post({ type: 'open', id, form })
    return {
      decode: (packets) => this.#decode(id, packets),
      close: () => {
        this.#open.delete(id)
        this.#post({ type: 'close', id })
        if (this.#open.size === 0) this.#rest()
      },
    }
  }

  async #decode(id: number, packets: Uint8Array[]): Promise<Uint8Array> {
    const awaited = Promise.withResolvers<Uint8Array>()
    this.#awaited.push(awaited)
    this.#post({ type: 'decode', id, packets })
    return await awaited.promise
  }

  #post(order: DecodeOrder): void {
    if (this.#orders.push(order) === 1) setImmediate(() => this.#send())
  }

  #send(): void {
    const orders = this.#orders
    this.#orders = []
    if (orders.length > 0) this.#thread().postMessage(orders)
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(new URL('./opus-decode-thread.ts', import.meta.url))
    worker.unref()
    worker.on('message', ({ pcm }: Decoded) => {
      for (const one of pcm) this.#awaited.shift()?.resolve(one)
    })
    worker.on('error', (error) => this.#failed(worker, error))
    worker.on('exit', () => this.#failed(worker, new Error('the thread that decodes sound ended')))
    this.#worker = worker
    const open = Array.from(this.#open, ([id, form]): DecodeOrder => ({ type: 'open', id, form }))
    worker.postMessage(open)
    return worker
  }

  /** Whoever waits hears of it, and the next packet starts another thread, with all decoders fresh. */
  #failed(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    // Of what was not sent yet nobody waits for anything any more, and the next thread opens what is open.
    this.#orders = []
    for (const awaited of this.#awaited.splice(0)) awaited.reject(error)
  }

  /** Starting a thread takes longer than what it may be asked for next. */
  #rest(): void {
    this.#idle ??= setTimeout(() => {
      this.#idle = undefined
      if (this.#open.size > 0) return
      const worker = this.#worker
      this.#worker = undefined
      void worker?.terminate()
    }, idleMillis).unref()
  }
}

export interface Decoder {
  /** PCM of all of them. A packet that cannot be decoded gives nothing. Rejects where the thread failed; the next call finds another one. */
  decode(packets: Uint8Array[]): Promise<Uint8Array>
  close(): void
}
