import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, ConnectionError, isGone, type KubeClient, type KubeObject, type Resource } from '@trtc-recorder/kube'
import type { Logger } from 'pino'

export interface Following<T extends KubeObject> {
  client: KubeClient
  resource: Resource<T>
  scope: { namespace: string; labelSelector?: string }
  /** Whether anybody need hear of it. */
  isNews(event: { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }): boolean
  /** Something is new, or may have been missed. */
  onNews(): void
  log: Logger
  /** How long is waited after the so-many-th failure in a row, counted from 1. */
  pauseMillis?: (failures: number) => number
}

/** Up to half as long more, so that replicas do not come back at the same moment. */
export const growingPause = (failures: number) => Math.min(300_000, 1000 * 2 ** (failures - 1)) * (1 + Math.random() / 2)

/** A watch lasts so long at most, by the server's clock and, where its connection is dead, a little longer by this one's. */
const longestWatchSeconds = { least: 300, most: 600, more: 30 }

/**
 * Says when something of a kind has changed in a namespace, until the signal is aborted; never rejects. Nothing is kept: who hears of it reads for themselves. Where
 * a watch is refused, as by the roles of an earlier chart, it is as if something had been missed after each pause, and those grow.
 */
export async function follow<T extends KubeObject>(following: Following<T>, stopped: AbortSignal): Promise<void> {
  const { client, resource, scope, onNews, log, pauseMillis = growingPause } = following
  let failures = 0
  while (!stopped.aborted) {
    try {
      const { metadata } = await client.list(resource, { ...scope, limit: 1, signal: stopped })
      onNews()
      let { resourceVersion } = metadata
      while (!stopped.aborted) {
        resourceVersion = await watchOnce(following, resourceVersion, stopped)
        failures = 0
      }
    } catch (error) {
      if (stopped.aborted) return
      failures += 1
      const line = { err: error, resource: resource.plural, ...scope, failures }
      // Old versions and lost connections are the everyday life of a watch.
      if (isEveryday(error)) log.info(line, 'Watch is begun anew')
      else log.warn(line, 'What changes cannot be watched, and is looked at after a growing pause')
      await sleep(pauseMillis(failures), undefined, { signal: stopped }).catch(() => {})
    }
  }
}

/** Gives the version to watch on from, when the server has ended it. */
async function watchOnce<T extends KubeObject>(
  { client, resource, scope, isNews, onNews }: Following<T>,
  from: string,
  stopped: AbortSignal,
): Promise<string> {
  const { least, most, more } = longestWatchSeconds
  const timeoutSeconds = Math.round(least + (most - least) * Math.random())
  const signal = AbortSignal.any([stopped, AbortSignal.timeout((timeoutSeconds + more) * 1000)])
  const began = performance.now()
  let resourceVersion = from
  for await (const { type, object } of client.watch(resource, { ...scope, resourceVersion, timeoutSeconds, signal })) {
    resourceVersion = object.metadata.resourceVersion
    if (type !== 'BOOKMARK' && type !== 'ERROR' && isNews({ type, object })) onNews()
  }
  if (resourceVersion === from && performance.now() - began < 1000) throw new Error('the watch ended at once and brought nothing')
  return resourceVersion
}

const isEveryday = (error: unknown) =>
  error instanceof ConnectionError || (error as Error).name === 'TimeoutError' || (error instanceof ApiError && isGone(error))
