import { Worker } from 'node:worker_threads'

/** A piece of work, 20 ms of it where there is nothing else to do, again and again: a tenth of a core. */
const program = `
  const { parentPort } = require('node:worker_threads')
  const now = () => performance.timeOrigin + performance.now()
  let sum = 0
  const work = () => {
    const from = now()
    for (let n = 0; n < 1.5e7; n++) sum = (sum * 31 + n) | 0
    parentPort.postMessage({ from, to: now(), sum })
    setTimeout(work, 180)
  }
  work()
`

/** How quickly this machine gets something done, by a piece of work that is done beside the test: what else it has to do makes both take longer. */
export class Pace {
  readonly #worker = new Worker(program, { eval: true })
  readonly #done: { from: number; to: number }[] = []

  constructor() {
    this.#worker.on('message', (done: { from: number; to: number }) => this.#done.push(done))
  }

  /** Milliseconds that the piece took on average, of those that were done between two readings of `performance.now()`. Resolves when there was one. */
  async between(from: number, to: number): Promise<number> {
    const [since, until] = [from, to].map((at) => performance.timeOrigin + at)
    while ((this.#done.at(-1)?.to ?? 0) < until!) await new Promise((resolve) => this.#worker.once('message', resolve))
    const done = this.#done.filter((one) => one.to > since! && one.from < until!)
    return done.reduce((sum, one) => sum + one.to - one.from, 0) / done.length
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}
