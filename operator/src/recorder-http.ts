import { recorderPort } from '@trtc-recorder/api'
import { Agent, request } from 'undici'

const connectMillis = 2_000

/** Where the recorder in a Pod of this address answers. */
export const recorderUrl = (podIP: string, path: string) =>
  `http://${podIP.includes(':') ? `[${podIP}]` : podIP}:${recorderPort}${path}`

/** A signal is heeded only by a request that has a connection, so the time for connecting has a bound of its own. */
const dispatcher = new Agent({ connect: { timeout: connectMillis } })

/** Gives the body of `GET url`, which is JSON, or throws. */
export async function getFromRecorder(url: string, signal: AbortSignal): Promise<unknown> {
  const { statusCode, body } = await request(url, { signal, dispatcher })
  if (statusCode === 200) return body.json()
  await body.dump()
  throw new Error(`GET ${url} was answered with ${statusCode}`)
}
