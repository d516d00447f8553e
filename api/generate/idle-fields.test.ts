import { expect, test } from 'vitest'
import { idleFields, idleProblems, type LooseSpec, recordingSpecSchema, withoutIdleFields } from '../src/index.ts'
import { leastSpec, refusedSpecs } from '../src/testing/refusals.ts'
import { clipSpecSchema } from './clip-crd.ts'
import { specSchema } from './crd.ts'
import { policySpecSchema } from './policy-crd.ts'
import type { Schema } from './structural.ts'

/**
 * Fields that mean something whatever else a spec says, or whose own rule refuses them where they do not (`audioCodec`, `live.stills`, `outputs.pair` …). What is new has to be put here, or into
 * `idleFields`: a setting that is accepted and ignored is none.
 */
const meansSomething = [
  'sdkAppId',
  'roomId',
  'strRoomId',
  'userId',
  'userSigSecretRef.name',
  'userSigSecretRef.key',
  'appSecretKeyRef.name',
  'appSecretKeyRef.key',
  'mode',
  'audioCodec',
  'gaps',
  'pause',
  'subscribe.include',
  'subscribe.exclude',
  'fileNaming',
  'cos.region',
  'cos.bucket',
  'cos.path',
  'cos.credentialsSecretRef.name',
  'cos.endpoint',
  'cos.storageClass',
  'cos.tags',
  'cos.metadata',
  'cos.encryption.type',
  'cos.encryption.kmsKeyId',
  'outputs.replay',
  'outputs.audio16k',
  'outputs.pair.left',
  'outputs.pair.sampleRate',
  'outputs.speech',
  'outputs.vcon',
  'outputs.mix',
  'outputs.paella',
  'live.audioSlices.users.exclude',
  'live.audioSlices.seconds',
  'live.audioSlices.format',
  'live.stills.users.exclude',
  'live.stills.streams',
  'live.stills.seconds',
  'live.stills.naming',
  'live.hls.users.exclude',
  'live.hls.seconds',
  'live.hls.playlist',
  'live.pcm.url',
  'live.pcm.users.exclude',
  'live.pcm.form',
  'live.pcm.backlogSeconds',
  'live.pcm.authorizationSecretRef.name',
  'live.pcm.authorizationSecretRef.key',
  'limits.idleTimeoutSeconds',
  'limits.maxDurationSeconds',
  'limits.reconnectWindowSeconds',
  'limits.startTimeoutSeconds',
  'networkProxy.unifiedProxy',
  'networkProxy.websocketProxy',
  'networkProxy.scheduleProxy',
  'networkProxy.loggerProxy',
  'networkProxy.turnServer.url',
  'networkProxy.turnServer.username',
  'networkProxy.turnServer.credentialSecretRef.name',
  'networkProxy.turnServer.credentialSecretRef.key',
  'callback.url',
  'callback.signingKeySecretRef.name',
  'callback.signingKeySecretRef.key',
  'callback.format',
  'callback.events',
  'storage.size',
  'storage.storageClassName',
  'storage.retention',
  'desiredState',
  'ttlSecondsAfterFinished',
  'resources.requests',
  'resources.limits',
  'nodeSelector',
  'tolerations',
  'priorityClassName',
  'serviceAccountName',
]
const clip = [
  'recordingRef.name',
  'from',
  'to',
  'users',
  'streams',
  'exact',
  'callback.url',
  'callback.signingKeySecretRef.name',
  'callback.signingKeySecretRef.key',
  'ttlSecondsAfterFinished',
]
/** But for the template, which is a Recording's spec. */
const policy = [
  'sdkAppId',
  'suspend',
  'rooms.type',
  'rooms.include',
  'rooms.exclude',
  'enters.role',
  'enters.include',
  'enters.exclude',
  'schedule.timeZone',
  'schedule.windows',
  'limits.activeRecordings',
  'recorderUserId',
]

const leavesOf = ({ properties }: Schema, path: string[] = []): string[] =>
  properties === undefined
    ? [path.join('.')]
    : Object.entries(properties).flatMap(([name, field]) => leavesOf(field, [...path, name]))

test('of each field somebody has thought whether it means something without another', () => {
  const known = [...meansSomething, ...idleFields.map(({ field }) => field)]
  expect(leavesOf(specSchema()).toSorted()).toEqual(known.toSorted())
  expect(leavesOf(clipSpecSchema()).toSorted()).toEqual(clip.toSorted())
  const { template: _, ...properties } = policySpecSchema().properties ?? {}
  expect(leavesOf({ properties }).toSorted()).toEqual(policy.toSorted())
})

const idle = refusedSpecs.filter(({ over, field }) =>
  idleFields.some((one) => field === `spec.${one.field}` && one.isIdle({ ...leastSpec, ...over } as LooseSpec)),
)

test('each of those that mean nothing without another is among what is refused', () => {
  expect([...new Set(idle.map(({ field }) => field))].toSorted()).toEqual(
    idleFields.map(({ field }) => `spec.${field}`).toSorted(),
  )
})

const kept = idleFields.filter(({ leftOut }) => leftOut === false).map(({ field }) => `spec.${field}`)

test.each(idle.filter(({ field }) => kept.includes(field)))('$what is not left out of what is made, but refused', ({ over }) => {
  const spec = { ...leastSpec, ...over }
  expect(withoutIdleFields(spec)).toBe(spec)
})

test.each(idle)('$what is told by its field', ({ over, field }) => {
  const spec = recordingSpecSchema.parse({ ...leastSpec, ...over })
  expect(idleProblems(spec).map(({ path }) => `spec.${path}`)).toEqual([field])
  expect(idleProblems({ ...leastSpec, ...over } as LooseSpec).map(({ path }) => `spec.${path}`)).toEqual([field])
})

test.each(idle.filter(({ field }) => !kept.includes(field)))(
  '$what is left out of what is made, and nothing else',
  ({ over }) => {
    const spec = recordingSpecSchema.parse({ ...leastSpec, ...over })
    const without = recordingSpecSchema.parse(withoutIdleFields({ ...leastSpec, ...over }))
    expect(idleProblems(without)).toEqual([])
    expect(without).toMatchObject({ mode: spec.mode, cos: spec.cos, userId: spec.userId })
  },
)

test('defaults are idle nowhere', () => {
  for (const mode of ['00', '01', '02']) {
    const spec = recordingSpecSchema.parse({ ...leastSpec, mode, live: { hls: {} } })
    expect(idleProblems(spec)).toEqual([])
    expect(withoutIdleFields(spec)).toBe(spec)
  }
})
