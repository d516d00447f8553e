import type { Act, Behaviour } from './behaviour.ts'
import type { ReceivedCallback } from './received.ts'

export type { Act } from './behaviour.ts'
export type { ReceivedCallback } from './received.ts'

export type CallbackControl = ReturnType<typeof callbackControl>

/** Client of the callback sink's control API, for tests and demos. */
export function callbackControl(controlUrl: string) {
  async function call(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await fetch(`${controlUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    if (!response.ok) throw new Error(`Callback control: ${method} ${path} answered ${response.status}: ${await response.text()}`)
    return response
  }
  const find = async (path: string | undefined, count: number, timeoutMillis: number): Promise<ReceivedCallback[]> =>
    (await call('POST', '/requests', { path, count, timeoutMillis })).json() as Promise<ReceivedCallback[]>

  return {
    /** Callbacks received so far, oldest first; those to a path (with its query) if one is given. */
    requests: (path?: string): Promise<ReceivedCallback[]> => find(path, 0, 0),
    /** Waits until there are `count`, also of those that were not answered with 200. */
    async waitFor(path?: string, count = 1, timeoutMillis = 10_000): Promise<ReceivedCallback[]> {
      const found = await find(path, count, timeoutMillis)
      if (found.length >= count) return found
      throw new Error(
        `The sink got ${found.length} of ${count} callbacks to ${path ?? 'any path'} within ${timeoutMillis / 1000} s`,
      )
    },
    clear: async () => void (await call('DELETE', '/requests')),

    /** Refuses, stalls, slows or resets the next `count` callbacks, or all until `clearBehaviours`. */
    behave: async (act: Act, match: Omit<Behaviour, 'act'> = {}) => void (await call('POST', '/behaviours', { ...match, act })),
    clearBehaviours: async () => void (await call('DELETE', '/behaviours')),
    /** Checks the signature of callbacks to a path from now on; without a key it no longer does. */
    setKey: async (path: string, key?: string) => void (await call('PUT', '/key', { path, key })),
    /** Closes the port with every connection, for a while or until told otherwise; false opens it again. */
    down: async (on: boolean, forMillis?: number) => void (await call('PUT', '/down', { on, forMillis })),
  }
}
