import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { recorderPort } from '@trtc-recorder/api'
import { aProgress } from '../../operator/src/recording/testing.ts'

/** Where the recorders of Pods are that always answer, and of those that may be told not to. */
export const addresses = { steady: '127.0.0.2', fickle: '127.0.0.3' } as const

/** One Pod in so many has a recorder that may be told not to answer. */
export const oneInFickle = 20

/** Says for all played Pods how their recorders are doing. */
export class Recorders {
  /** Whether those that may stop answering do: they take a connection, and say nothing. */
  fickleAnswer = true
  readonly #servers: Server[] = []

  async start(): Promise<void> {
    for (const address of Object.values(addresses)) {
      const body = JSON.stringify(aProgress())
      const server = createServer((_, response) => {
        if (address === addresses.steady || this.fickleAnswer) response.end(body)
      })
      server.listen(recorderPort, address)
      await once(server, 'listening')
      this.#servers.push(server)
    }
  }

  stop(): void {
    for (const server of this.#servers) {
      server.close()
      server.closeAllConnections()
    }
  }
}

let made = 0

/** Of the next Pod that gets one. */
export const nextAddress = (): string => (made++ % oneInFickle === oneInFickle - 1 ? addresses.fickle : addresses.steady)
