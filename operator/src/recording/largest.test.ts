import { spawnSync } from 'node:child_process'
import {
  apiVersion,
  clipJobEnv,
  clipKind,
  clipsAnnotation,
  jsonOfVariables,
  mostClipRequests,
  type RecordingClip,
  recorderEnv,
  recorderJobSchema,
  recordingClipSpecSchema,
  recordingManifestSchema,
  recordingSpecSchema,
} from '@trtc-recorder/api'
import type { New, Pod } from '@trtc-recorder/kube'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { largestClipSpec, largestSpec } from '../../../api/src/testing/largest.ts'
import { clipPod, clipWork } from '../clip/pod.ts'
import { wantedRequests } from '../clip/requests.ts'
import { recorderPod } from './pod.ts'
import { aRecording, at, podConfig } from './testing.ts'

/** Whatever is admitted can be started: as large as it may be, in whichever characters. */

const uid = '0'.repeat(36)
const long = (letter: string, most: number) => letter.repeat(most)
const fills = fc.array(fc.constantFrom(...'😀𐐀"\\$ü~x'), { minLength: 0, maxLength: 4 })

function largestRecording(of: readonly string[]) {
  const metadata = { name: long('r', 52), namespace: long('n', 63), uid }
  const written = { apiVersion, kind: 'Recording', metadata, spec: largestSpec(of) }
  const { success, error } = recordingManifestSchema.safeParse(written)
  if (!success) throw error
  return aRecording(recordingSpecSchema.parse(written.spec), metadata)
}

/** As a kubelet and Linux take them. */
function starts(pod: New<Pod>): Record<string, string> {
  const variables = pod.spec!.containers[0]!.env!.map(({ name, value = '' }) => [name, value] as const)
  for (const [, value] of variables) expect(value).not.toMatch(/\$[($]/)
  const env = Object.fromEntries(variables)
  const { error, status } = spawnSync('/bin/true', { env })
  expect({ error, status }).toEqual({ status: 0 })
  // etcd takes 1.5 MiB, of which the status and what others put into a Pod need some.
  expect(Buffer.byteLength(JSON.stringify(pod))).toBeLessThan(1_000_000)
  return env
}

const annotationBytes = (annotations: Record<string, string>) =>
  Object.entries(annotations).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0)

const aClip = (number: number, of: readonly string[]): RecordingClip => ({
  ...{ apiVersion, kind: clipKind },
  metadata: {
    ...{ name: `${long('c', 60)}${number + 100}`, namespace: long('n', 63), uid: uid.replace(/^../, String(number + 10)) },
    ...{ resourceVersion: '1', generation: 1, creationTimestamp: at(0).toISOString() },
  },
  spec: recordingClipSpecSchema.parse({ ...largestClipSpec(of), from: '10s', to: '1m' }),
})

test('a recorder can be started of every Recording, and reads what it says', () =>
  fc.assert(
    fc.property(fills, (of) => {
      const recording = largestRecording(of)
      const order = { attempt: 99_999, firstStartedAt: at(0).toISOString(), uploadOnly: false, isBesideOthers: true }
      const pod = recorderPod(recording, { ...order, volume: `${long('r', 52)}-v16` }, podConfig)
      const job = recorderJobSchema.parse(JSON.parse(jsonOfVariables(recorderEnv.job, starts(pod)) ?? ''))
      expect(recording.spec).toMatchObject(job.spec)
      // Of 256 KiB of annotations, beside those of the chart.
      const under = { ...recording, status: { startTime: at(0).toISOString() } }
      const clips = Array.from({ length: mostClipRequests }, (_, n) => aClip(n, of))
      const requests = wantedRequests(clips, under, `${long('r', 52)}-v16`, at(30))
      expect(requests.clips).toHaveLength(mostClipRequests)
      const annotations = { ...pod.metadata.annotations, [clipsAnnotation]: JSON.stringify(requests) }
      expect(annotationBytes(annotations)).toBeLessThan(224 * 1024)
    }),
    { numRuns: 20, examples: [[['😀']], [['"']], [['\\']], [['$']]] },
  ))

test('a clip can be cut of every RecordingClip', () =>
  fc.assert(
    fc.property(fills, (of) => {
      const recording = largestRecording(of)
      const urls = Array.from({ length: 16 }, (_, n) => `https://h/${encodeURIComponent(long('😀', 210))}${n}`)
      const status = { startTime: at(0).toISOString(), manifestUrl: urls[0]!, moreManifestUrls: urls.slice(1) }
      const work = clipWork(aClip(0, of), { ...recording, status })
      if (work.is !== 'job') throw new Error(JSON.stringify(work))
      const env = starts(clipPod(aClip(0, of), recording, work.job, 99, podConfig))
      expect(JSON.parse(jsonOfVariables(clipJobEnv, env) ?? '')).toEqual(work.job)
    }),
    { numRuns: 20, examples: [[['😀']], [['$']]] },
  ))
