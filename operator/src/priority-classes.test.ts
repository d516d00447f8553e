import { type KubeClient, resources } from '@trtc-recorder/kube'
import { expect, test, vi } from 'vitest'
import { createPriorityClasses } from './priority-classes.ts'
import { createLog } from './telemetry/log.ts'

test('a PriorityClass that comes, counts otherwise or goes is told of, and one that is only seen again is not', async () => {
  const stop = new AbortController()
  const aClass = (resourceVersion: string, value: number, globalDefault = false) => ({
    metadata: { name: 'exam', uid: `uid-${value}`, resourceVersion, generation: 1, creationTimestamp: '' },
    value,
    globalDefault,
  })
  const happens: ((event: object | undefined) => void)[] = []
  const client = {
    list: async (resource: unknown) => {
      expect(resource).toBe(resources.priorityClasses)
      return { metadata: { resourceVersion: '1' }, items: [aClass('1', 1000)] }
    },
    async *watch() {
      for (;;) {
        const event = await new Promise<object | undefined>((resolve) => happens.push(resolve))
        if (event === undefined) return
        yield event
      }
    },
  } as unknown as KubeClient
  const log = createLog('error', { write: () => {} })
  const classes = createPriorityClasses({ client, given: {}, resyncMillis: 600_000, log })
  const heard: number[] = []
  const there: string[] = []
  classes.onChange((name, { isThere }) => {
    heard.push(classes.valueOf('exam'), classes.valueOf(undefined))
    there.push(`${name} ${isThere}`)
  })
  const running = classes.run(stop.signal)
  await classes.answered
  expect(heard).toEqual([1000, 0])

  const next = async (event: object) => {
    await vi.waitFor(() => expect(happens).toHaveLength(1))
    happens.shift()!(event)
    await vi.waitFor(() => expect(happens).toHaveLength(1))
  }
  await next({ type: 'MODIFIED', object: aClass('2', 1000) })
  expect(heard).toEqual([1000, 0])
  await next({ type: 'MODIFIED', object: aClass('3', 1000, true) })
  expect(heard.splice(0)).toEqual([1000, 0, 1000, 1000])
  await next({ type: 'DELETED', object: aClass('4', 1000, true) })
  expect(heard.splice(0)).toEqual([0, 0])
  await next({ type: 'ADDED', object: aClass('5', 5) })
  expect(heard).toEqual([5, 0])
  expect(there).toEqual(['exam true', 'exam true', 'exam false', 'exam true'])
  stop.abort()
  happens.shift()!(undefined)
  await running
})
