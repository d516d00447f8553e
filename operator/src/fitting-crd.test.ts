import { ApiError, type KubeClient } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { expect, test } from 'vitest'
import { FittingCrd } from './fitting-crd.ts'

/** Looks at an API server that gives these answers, one after the other; the last for ever. */
function look(...answers: (() => string)[]) {
  const said: string[] = []
  const say = (level: string) => (about: unknown, message?: string) => said.push(`${level} ${message ?? about}`)
  const log = { warn: say('warn'), error: say('error'), info: say('info') } as unknown as Logger
  let asked = 0
  const client = { text: async () => answers[Math.min(asked++, answers.length - 1)]!() } as unknown as KubeClient
  const crd = new FittingCrd({ client, log, retryMillis: 1 })
  return { crd, said, fits: (signal = new AbortController().signal) => crd.fits(signal) }
}

const fails = (code: number) => () => {
  throw new ApiError('get', code, {})
}
const older = () =>
  JSON.stringify({
    components: {
      schemas: {
        Recording: {
          properties: { status: { properties: {} } },
          'x-kubernetes-group-version-kind': [{ group: 'trtc-recorder.dev', version: 'v1alpha1', kind: 'Recording' }],
        },
      },
    },
  })

test('an API server that does not answer is asked again: what it keeps may be too little', async () => {
  const stop = new AbortController()
  const { crd, said, fits } = look(fails(500), fails(503), older)
  const over = fits(stop.signal)
  await expect.poll(() => crd.trouble).toMatch(/is older than this operator and would drop status\./)
  expect(said.slice(0, 2)).toEqual(['warn What the CRD keeps could not be read', 'warn What the CRD keeps could not be read'])
  stop.abort()
  await over
})

test('one that does not say what it keeps keeps all', async () => {
  const { crd, said, fits } = look(fails(403))
  await fits()
  expect([crd.trouble, said]).toEqual([undefined, []])
})

test('nothing is waited for when the operator is to stop', async () => {
  await look(fails(500)).fits(AbortSignal.abort())
})
