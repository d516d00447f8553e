import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server's port that can be closed, with every connection, and opened again under the same number. */
export class Port {
  readonly #server: Server
  readonly #address: string
  #number: number

  constructor(server: Server, address: string, number: number) {
    this.#server = server
    this.#address = address
    this.#number = number
  }

  /** The number listened on; the one asked for until it was open once. */
  get number(): number {
    return this.#number
  }

  async open(): Promise<void> {
    if (this.#server.listening) return
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#number, this.#address, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    this.#number = (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}
