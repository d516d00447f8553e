import type { Recording } from '@trtc-recorder/api'
import { expect } from 'vitest'
import { spareTaint } from '../../sandbox/src/cluster/addresses.ts'
import type { SpareNode } from '../../sandbox/src/cluster/spare-node.ts'
import type { AppliedRecording } from './applied-recording.ts'
import { kubectl } from './kubectl.ts'
import type { Scene } from './scene.ts'

/** Recordings on nodes that are made to be lost, and what has to be there of them in the end. */

/** As long as a lesson may go unrecorded when a node is lost. */
export const longestGapMillis = 90_000

/** A label that a recorder's node must have, so that a test can say where recorders go. */
export const here = (name: string) => `trtc-recorder.test/${name}`

export async function recordOn(
  { name }: SpareNode,
  scene: Scene,
  recording: string,
  spec: object = {},
): Promise<AppliedRecording> {
  await kubectl('label', 'node', name, `${here(name)}=yes`, '--overwrite')
  return scene.recordFromNow(recording, { ...on({ name }), ...spec })
}

export const on = ({ name }: Pick<SpareNode, 'name'>) => ({
  nodeSelector: { [here(name)]: 'yes' },
  tolerations: [{ ...spareTaint, operator: 'Equal' }],
})

export const isRecordedElsewhere = (recording: AppliedRecording) =>
  recording.until(
    'recorded on another node',
    ({ status }) => status?.attempts?.[1]?.startTime !== undefined && status.attempts[1].node === 'sandbox',
  )

/** Stops it, and finds everything of both nodes in COS, and nothing left in the cluster. */
export async function expectWhole(recording: AppliedRecording, fewestFiles = 2): Promise<Recording> {
  await recording.stop()
  const finished = await recording.settled()
  const { status } = finished
  expect(status!.conditions).toContainEqual(expect.objectContaining({ type: 'Succeeded', status: 'True', reason: 'Completed' }))
  expect(status!.volumes).toEqual([])
  const files = status!.files!
  expect(files.length).toBeGreaterThanOrEqual(fewestFiles)
  expect(files.every((file) => file.status === 1)).toBe(true)
  expect(gapMillis(files)).toBeLessThan(longestGapMillis)
  const stored = (await recording.objects(finished)).map(({ key }) => key)
  expect(stored).toEqual(expect.arrayContaining(files.map(({ path }) => path)))
  const listed = await recording.manifests(finished)
  expect(listed.flatMap((manifest) => manifest.files.map(({ path }) => path)).toSorted()).toEqual(
    files.map(({ path }) => path).toSorted(),
  )
  for (const file of files) expect((await recording.check(finished, file)).findings).toEqual([])
  await recording.delete()
  await recording.gone()
  expect(await recording.remains()).toEqual([])
  return finished
}

/** The longest time between the end of a file and the start of the next. */
export function gapMillis(files: readonly { startTime: string; durationSeconds: number }[]): number {
  const gaps = files.slice(1).map(({ startTime }, index) => {
    const earlier = files[index]!
    return Date.parse(startTime) - Date.parse(earlier.startTime) - earlier.durationSeconds * 1000
  })
  return Math.max(...gaps)
}
