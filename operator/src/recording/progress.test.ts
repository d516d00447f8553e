import { controlAnnotation } from '@trtc-recorder/api'
import { expect, test } from 'vitest'
import type { Pod } from '../kube/types.ts'
import { wantedControl } from './control.ts'
import { ProgressReader } from './progress.ts'
import { aProgress, aRecording, at } from './testing.ts'

const pod = (podIP: string | undefined = '10.91.0.7') => ({ metadata: { uid: 'pod' }, status: { podIP } }) as unknown as Pod
const said = aProgress({ recordedBytes: 1 })

test('a recorder is asked at most once in 15 s, but at once when its Pod has changed', async () => {
  const asked: string[] = []
  const reader = new ProgressReader(async (url) => {
    asked.push(url)
    return said
  })
  expect(await reader.read(pod(), at(0), 'inRoom')).toEqual(said)
  expect(await reader.read(pod(), at(10), 'inRoom')).toBeUndefined()
  expect(await reader.read(pod(), at(15), 'inRoom')).toEqual(said)
  expect(await reader.read(pod(), at(16), 'starting')).toEqual(said)
  expect(asked).toEqual(Array(3).fill('http://10.91.0.7:8080/status'))
})

test('one that does not answer, or answers nonsense, or has no address has no progress', async () => {
  const broken = new ProgressReader(() => Promise.reject(new Error('unreachable')))
  expect(await broken.read(pod(), at(0), 'inRoom')).toBeUndefined()
  expect(await new ProgressReader(async () => ({ state: 'odd' })).read(pod(), at(0), 'inRoom')).toBeUndefined()
  expect(await new ProgressReader(async () => said).read(pod(''), at(0), 'inRoom')).toBeUndefined()
})

test('an IPv6 address is written as one', async () => {
  const asked: string[] = []
  await new ProgressReader(async (url) => asked.push(url)).read(pod('fd00::7'), at(0), 'inRoom')
  expect(asked).toEqual(['http://[fd00::7]:8080/status'])
})

test('a recorder that does not do yet what it has been told is asked each second, until it does', async () => {
  const told = { [controlAnnotation]: JSON.stringify(wantedControl(aRecording({ desiredState: 'Paused' }))) }
  const paused = {
    ...pod(),
    spec: { volumes: [{ name: 'control' }] },
    metadata: { uid: 'pod', annotations: told },
  } as unknown as Pod
  const answers = [aProgress(), aProgress({ state: 'paused' }), aProgress({ state: 'paused' })]
  const reader = new ProgressReader(async () => answers.shift())
  const seconds = async (second: number) => (await reader.read(paused, at(second), 'inRoom'))?.state
  expect([await seconds(0), await seconds(0.2), await seconds(1), await seconds(2), await seconds(16)]).toEqual([
    ...['recording', undefined, 'paused', undefined, 'paused'],
  ])
})
