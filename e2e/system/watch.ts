import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { kubeconfigFile } from '../../sandbox/src/cluster/index.ts'

export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: T
}

/** Asks the API server of the sandbox as its administrator. */
export async function get<T>(path: string, signal: AbortSignal): Promise<T> {
  const chunks: Buffer[] = []
  for await (const chunk of await ask(path, signal)) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as T
}

/** Every change below a path from a version of it on, until the server or the signal ends it. An ended connection is an end, not an error. */
export async function* watch<T>(path: string, resourceVersion: string, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
  const response = await ask(`${path}?watch=1&resourceVersion=${resourceVersion}`, signal)
  let rest = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!
      for (const line of lines) yield JSON.parse(line) as WatchEvent<T>
    }
  } catch (error) {
    if (!signal.aborted && (error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
  } finally {
    response.destroy()
  }
}

function ask(path: string, signal: AbortSignal): Promise<IncomingMessage> {
  const config = JSON.parse(readFileSync(kubeconfigFile, 'utf8'))
  const decoded = (base64: string) => Buffer.from(base64, 'base64')
  const { cluster } = config.clusters[0]
  const { user } = config.users[0]
  return new Promise((resolve, reject) => {
    const options = {
      ca: decoded(cluster['certificate-authority-data']),
      cert: decoded(user['client-certificate-data']),
      key: decoded(user['client-key-data']),
      signal,
    }
    const sent = request(new URL(path, cluster.server), options, (response) => {
      if (response.statusCode === 200) resolve(response)
      else reject(new Error(`GET ${path} answered ${response.statusCode}`))
    })
    sent.on('error', reject).end()
  })
}
