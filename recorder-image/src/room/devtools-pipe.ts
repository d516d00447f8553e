/**
 * The little of Chromium's debugging protocol the recorder needs, over `--remote-debugging-pipe`: JSON messages ended by a zero byte.
 * No domain is enabled. A browser automation library would enable the network domain in every worker and so have each batch of media, and the
 * SDK's addresses with the UserSig in them, copied through this pipe.
 */
export class DevtoolsPipe {
  onEvent: (method: string) => void = () => {}
  readonly #out: NodeJS.WritableStream
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  #lastId = 0
  #rest = ''

  constructor(out: NodeJS.WritableStream, incoming: NodeJS.ReadableStream) {
    this.#out = out
    // Both ends break when Chromium dies; its exit is what is reported then.
    out.on('error', () => {})
    incoming.on('error', () => {})
    incoming.setEncoding('utf8')
    incoming.on('data', (text) => this.#received(String(text)))
  }

  call<T>(method: string, params: object, sessionId?: string): Promise<T> {
    const id = ++this.#lastId
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject })
      this.#out.write(`${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`)
    })
  }

  #received(text: string): void {
    const messages = (this.#rest + text).split('\0')
    this.#rest = messages.pop() ?? ''
    for (const message of messages) this.#message(JSON.parse(message))
  }

  #message(message: { id?: number; method?: string; result?: unknown; error?: { message: string } }): void {
    if (message.id === undefined) {
      this.onEvent(message.method ?? '')
      return
    }
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.error) waiting?.reject(new Error(`Chromium: ${message.error.message}`))
    else waiting?.resolve(message.result)
  }
}
