import type { ClipAnswer } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Get } from '../recording/progress.ts'
import { aProgress, at } from '../recording/testing.ts'
import { RecorderAnswers } from './recorder-answers.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const aPod = (uid = 'pod-uid', podIP: string | undefined = '10.0.0.7') =>
  ({ metadata: { uid, name: 'math-a1', namespace: 'lessons' }, status: { podIP } }) as Pod
const waiting: ClipAnswer = { is: 'waiting', uid: 'clip-uid', message: 'a key frame is awaited' }
const unreachable: Get = async () => {
  throw new Error('connect ETIMEDOUT 10.0.0.7:8080')
}

describe('a recorder that is asked for clips', () => {
  test('answers for each of them with one request, and is asked anew a moment later', async () => {
    const get = vi.fn<Get>(async () => aProgress({ clips: [waiting, { ...waiting, uid: 'another' }] }))
    const answers = new RecorderAnswers(get)
    const of = (uid: string) => answers.of(aPod(), uid, at(0))
    expect(await Promise.all([of('clip-uid'), of('another'), of('nobody')])).toEqual([
      waiting,
      { ...waiting, uid: 'another' },
      { is: 'silent', why: 'it does not speak of the clip' },
    ])
    expect(get.mock.calls.map(([url]) => url)).toEqual(['http://10.0.0.7:8080/status'])
    vi.advanceTimersByTime(250)
    await of('clip-uid')
    expect(get).toHaveBeenCalledTimes(2)
  })

  test.each<[string, Get, string | undefined, string]>([
    ['cannot be reached', unreachable, '10.0.0.7', 'it cannot be reached'],
    [
      'says what nobody understands',
      async () => ({ state: 'dancing' }),
      '10.0.0.7',
      'its answer is not one that this operator knows',
    ],
    [
      'is of a release that knows no clips',
      async () => ({ ...aProgress(), clips: undefined }),
      '10.0.0.7',
      'does not speak of the clip',
    ],
    ['has no address', unreachable, '', 'the Pod has no address'],
  ])('is silent where it %s, and why is said without what differs each time', async (_, get, podIP, why) => {
    const heard = await new RecorderAnswers(get).of(aPod('pod-uid', podIP), 'clip-uid', at(0))
    expect(heard).toEqual({ is: 'silent', why: expect.stringContaining(why) })
    expect(JSON.stringify(heard)).not.toContain('ETIMEDOUT')
  })

  test('behind a wall is asked less often than one that refuses at once', async () => {
    const asked = async (tookMillis: number) => {
      const get = vi.fn<Get>(async (...request) => {
        vi.advanceTimersByTime(tookMillis)
        return unreachable(...request)
      })
      const answers = new RecorderAnswers(get)
      for (let time = 0; time < 4000; time += 500) {
        await answers.of(aPod(), 'clip-uid', at(0))
        vi.advanceTimersByTime(500)
      }
      return get.mock.calls.length
    }
    expect(await asked(0)).toBe(8)
    expect(await asked(1000)).toBe(1)
  })

  test('is silent from when it was asked first, or last said something, and another Pod from then on', async () => {
    let get: Get = unreachable
    const answers = new RecorderAnswers((...request) => get(...request))
    const times = (seconds: number, uid?: string) => answers.times(aPod(uid), 'clip-uid', at(seconds))
    expect(times(10)).toMatchObject({ since: at(10), heard: undefined })
    await answers.of(aPod(), 'clip-uid', at(15))
    expect(times(20)).toMatchObject({ since: at(10), heard: undefined })
    get = async () => aProgress({ clips: [waiting] })
    vi.advanceTimersByTime(1000)
    await answers.of(aPod(), 'clip-uid', at(30))
    expect(times(40)).toMatchObject({ since: at(10), heard: at(30) })
    expect(times(50, 'next-uid')).toMatchObject({ since: at(50), heard: undefined })
    answers.forgetClip('clip-uid')
    expect(times(60)).toMatchObject({ since: at(60), heard: undefined })
  })
})
