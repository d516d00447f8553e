import { ApiError } from '@trtc-recorder/kube'
import { expect, test } from 'vitest'
import { createLog } from '../telemetry/log.ts'
import { decide } from './decide.ts'
import { execute } from './execute.ts'
import { aFile, aResult, podConfig } from './testing.ts'
import { endPod } from './testing-pods.ts'
import { World } from './testing-world.ts'
import { Untold } from './untold.ts'

test('what stands in the status is told, also when what was to be done next fails', async () => {
  const world = new World().settle().scheduled().inRoom()
  endPod(world.pods[0]!, world.now, aResult({ stopReason: 'RoomDismissed', files: [aFile('alice')] }))
  const observed = world.observed()
  const plan = decide(observed, world.now)
  expect(plan.actions.length).toBeGreaterThan(0)
  const fails = async () => {
    throw new ApiError('it', 500, { reason: 'InternalError' })
  }
  const client = {
    replace: async (_: unknown, object: unknown) => object,
    create: fails,
    patch: fails,
    delete: fails,
    get: fails,
  }
  const told: string[] = []
  const dependencies = {
    ...{ client, caches: { recordings: { wrote() {} }, pods: { wrote() {} }, claims: { wrote() {} } } },
    ...{ events: { record: (_: unknown, { reason }: { reason: string }) => void told.push(reason), flush: async () => {} } },
    ...{ pod: podConfig, untold: new Untold(), now: () => world.now },
  }
  const context = { id: '', log: createLog('error', { write() {} }), signal: new AbortController().signal }
  await expect(execute(observed, plan, dependencies as never, context)).rejects.toThrow('500')
  expect(told).toContain('Completed')
})
