import { controlAnnotation, type RecorderProgress } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { wantedControl } from './control.ts'
import { ProgressPoller } from './progress.ts'
import { aRecording, aProgress as progressOf } from './testing.ts'

const aliceFile = {
  userId: 'alice',
  stream: 'main',
  path: 'a.mp4',
  state: 'recording',
  recordedBytes: 9,
  uploadedBytes: 0,
} as const

/** Of somebody who is being recorded. */
const aProgress = (over: Partial<RecorderProgress> = {}) => progressOf({ recordedBytes: 9, files: [aliceFile], ...over })

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const aPod = (uid = 'pod', podIP: string | undefined = '10.91.0.7') =>
  ({ metadata: { uid }, status: { podIP } }) as unknown as Pod
const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1000)

function aPoller(answer: (url: string) => unknown = () => aProgress()) {
  const asked: string[] = []
  const news: string[] = []
  const poller = new ProgressPoller({
    get: async (url) => {
      asked.push(url)
      return answer(url)
    },
    onNews: (key) => news.push(key),
  })
  return { poller, asked, news }
}

const unreachable = () => {
  throw new Error('EHOSTUNREACH')
}

describe('a recorder in the room', () => {
  test('is asked at once, and what it says is news', async () => {
    const { poller, asked, news } = aPoller()
    expect(poller.follow('lessons/math', aPod(), 'inRoom')).toEqual({ is: 'not asked' })
    await seconds(0)
    expect(asked).toEqual(['http://10.91.0.7:8080/status'])
    expect(news).toEqual(['lessons/math'])
    expect(poller.follow('lessons/math', aPod(), 'inRoom')).toMatchObject({ is: 'known', said: { state: 'recording' } })
  })

  test('on a node that was called not ready is asked every 15 s, and it is known when it last answered', async () => {
    let answers = true
    const { poller, asked } = aPoller(() => (answers ? aProgress() : unreachable()))
    const lastTransitionTimes = { Ready: '2026-03-01T10:00:40Z', ContainersReady: '2026-03-01T10:00:02Z' }
    const conditions = Object.entries(lastTransitionTimes).map(([type, time]) => ({
      ...{ type, status: 'True', lastTransitionTime: time },
    }))
    const pod = { ...aPod(), status: { podIP: '10.91.0.7', conditions } } as unknown as Pod
    poller.follow('a/b', pod, 'inRoom')
    await seconds(600)
    const before = asked.length
    await seconds(60)
    expect(asked).toHaveLength(before + 4)
    answers = false
    const heardAt = new Date(Date.now())
    await seconds(60)
    expect(asked).toHaveLength(before + 8)
    const progress = poller.follow('a/b', pod, 'inRoom')
    expect(progress).toMatchObject({ is: 'unknown' })
    const said = (progress as { heardAt?: Date }).heardAt!.getTime()
    expect(heardAt.getTime() - said).toBeGreaterThanOrEqual(0)
    expect(heardAt.getTime() - said).toBeLessThanOrEqual(15_000)
  })

  test('on its way there is asked some times a second, for a short while', async () => {
    let state: RecorderProgress['state'] = 'starting'
    const { poller, asked, news } = aPoller(() => aProgress({ state }))
    const follow = () => poller.follow('a/b', aPod(), 'arriving', { isArriving: true })
    follow()
    await seconds(1)
    expect(asked.length).toBeGreaterThanOrEqual(4)
    news.length = 0
    state = 'recording'
    await seconds(0.5)
    expect(news).toEqual(['a/b'])
    expect(follow()).toMatchObject({ said: { state: 'recording' } })
    const before = asked.length
    await seconds(2)
    expect(asked, 'it is there').toHaveLength(before)
    await seconds(2)
    expect(asked, 'for its first files').toHaveLength(before + 1)
  })

  test('on its way there that lets whoever asks wait is not asked so often: it is behind a wall', async () => {
    const { poller, asked } = aPoller(async () => {
      await new Promise((resolve) => setTimeout(resolve, 2000))
      return unreachable()
    })
    poller.follow('a/b', aPod(), 'arriving', { isArriving: true })
    await seconds(16)
    expect(asked).toHaveLength(1)
  })

  test('is asked again after 3 s, and then less and less often, up to every five minutes', async () => {
    const { poller, asked, news } = aPoller(() => aProgress({ recordedBytes: Date.now() }))
    poller.follow('a/b', aPod(), 'inRoom')
    const times = [0]
    for (let second = 1; second <= 1500; second += 1) {
      const before = asked.length
      await seconds(1)
      if (asked.length > before) times.push(second)
    }
    expect(times).toEqual([0, 3, 18, 48, 108, 228, 468, 768, 1068, 1368])
    // Bytes that grow are shown each time.
    expect(news).toHaveLength(times.length)
  })

  test('shows its first file within 3 s, also when somebody comes just before it would be idle', async () => {
    const nobody = { files: [], recordedBytes: 0 }
    let said = aProgress(nobody)
    const { poller, asked, news } = aPoller(() => said)
    poller.follow('a/b', aPod(), 'inRoom')
    await seconds(290)
    news.length = 0
    said = aProgress()
    await seconds(2.5)
    expect(news).toEqual(['a/b'])
    said = aProgress(nobody)
    asked.length = 0
    await seconds(3600)
    expect(asked.length).toBeLessThan(400)
  })

  test('is asked soon again when there is more to say than that bytes have grown', async () => {
    const answers: RecorderProgress[] = []
    const { poller, asked } = aPoller(() => answers.shift() ?? aProgress())
    poller.follow('a/b', aPod(), 'inRoom')
    await seconds(110)
    answers.push(aProgress({ storage: { state: 'refused', message: 'no' } }))
    const before = asked.length
    await seconds(120)
    expect(asked.length).toBe(before + 1)
    await seconds(15)
    expect(asked.length).toBe(before + 2)
  })

  test('is asked at once when its Pod has changed, and what it said before counts no more', async () => {
    const { poller, asked } = aPoller()
    poller.follow('a/b', aPod(), 'inRoom')
    await seconds(60)
    const before = asked.length
    expect(poller.follow('a/b', aPod(), 'leaving')).toEqual({ is: 'not asked' })
    await seconds(0)
    expect(asked.length).toBe(before + 1)
  })

  test('that does not do yet what it has been told is asked each second, until it does', async () => {
    const annotations = { [controlAnnotation]: JSON.stringify(wantedControl(aRecording({ desiredState: 'Paused' }))) }
    const told = { ...aPod(), spec: { volumes: [{ name: 'control' }] }, metadata: { uid: 'pod', annotations } } as unknown as Pod
    const answers = [aProgress(), aProgress(), aProgress({ state: 'paused' })]
    const { poller, asked } = aPoller(() => answers.shift() ?? aProgress({ state: 'paused' }))
    poller.follow('a/b', told, 'inRoom')
    await seconds(2)
    expect(asked).toHaveLength(3)
    await seconds(10)
    expect(asked).toHaveLength(3)
  })
})

describe('recorders of which nothing new is heard are asked less and less often', () => {
  const told = { desiredState: 'Paused' as const }
  const annotations = { [controlAnnotation]: JSON.stringify(wantedControl(aRecording(told))) }
  const toldToPause = {
    ...aPod(),
    spec: { volumes: [{ name: 'control' }] },
    metadata: { uid: 'pod', annotations },
  } as unknown as Pod

  test.each([
    ['one that never does what it was told', toldToPause, aProgress()],
    ['one in a room in which nobody publishes', aPod(), aProgress({ files: [], recordedBytes: 0 })],
    ['one that records', aPod(), aProgress()],
  ])('%s', async (_, pod, answer) => {
    const { poller, asked } = aPoller(() => answer)
    poller.follow('a/b', pod, 'inRoom')
    const inAnHour: number[] = []
    for (let hour = 0; hour < 3; hour += 1) {
      const before = asked.length
      await seconds(3600)
      inAnHour.push(asked.length - before)
    }
    expect(inAnHour[2]).toBe(12)
    expect(inAnHour).toEqual(inAnHour.toSorted((a, b) => b - a))
  })
})

describe('recorders that cannot be reached', () => {
  test('are counted until they answer, those on their way into the room are not', async () => {
    let answer: () => unknown = unreachable
    const { poller } = aPoller(() => answer())
    poller.follow('a/b', aPod('dead'), 'inRoom')
    poller.follow('a/c', aPod('starting'), 'arriving', { isArriving: true })
    expect(poller.unknown(), 'nobody has been asked yet').toBe(0)
    await seconds(1)
    expect(poller.unknown()).toBe(1)
    poller.follow('a/c', aPod('starting'), 'inRoom')
    await seconds(1)
    expect(poller.unknown()).toBe(2)
    poller.forget('starting')
    expect(poller.unknown()).toBe(1)
    answer = () => aProgress()
    await seconds(60)
    expect(poller.unknown()).toBe(0)
  })

  test('are said to be that, once, and cost less and less', async () => {
    const { poller, asked, news } = aPoller(unreachable)
    poller.follow('a/b', aPod(), 'inRoom')
    await seconds(3600)
    expect(poller.follow('a/b', aPod(), 'inRoom')).toEqual({ is: 'unknown', why: 'it cannot be reached' })
    expect(news).toHaveLength(1)
    expect(asked.length).toBeLessThan(18)
  })

  test('hold up nobody who can', async () => {
    const never = new Promise(() => {})
    const { poller, asked } = aPoller((url) => (url.includes('10.0.') ? never : aProgress()))
    for (let pod = 0; pod < 10; pod += 1) poller.follow(`a/${pod}`, aPod(`dead-${pod}`, `10.0.0.${pod}`), 'inRoom')
    poller.follow('a/alive', aPod('alive'), 'inRoom')
    await seconds(0)
    expect(asked.at(-1)).toBe('http://10.91.0.7:8080/status')
  })

  test('are no more than 20 at once in one namespace, and 40 in all', async () => {
    const { poller, asked } = aPoller(() => new Promise(() => {}))
    for (let pod = 0; pod < 50; pod += 1) poller.follow(`a/${pod}`, aPod(`dead-${pod}`), 'inRoom')
    await seconds(0)
    expect(asked).toHaveLength(20)
    for (let pod = 0; pod < 50; pod += 1) poller.follow(`n${pod}/${pod}`, aPod(`other-${pod}`), 'inRoom')
    await seconds(0)
    expect(asked).toHaveLength(40)
  })

  const silent = async () => {
    await new Promise((resolve) => setTimeout(resolve, 2000))
    return unreachable()
  }

  test('however many there are in a namespace, hold up no recorder of another', async () => {
    const { poller, asked } = aPoller((url) => (url.includes('10.0.0.1') ? silent() : aProgress()))
    for (let pod = 0; pod < 2000; pod += 1) poller.follow(`a/${pod}`, aPod(`dead-${pod}`, '10.0.0.1'), 'inRoom')
    await seconds(1)
    for (const namespace of ['b', 'c', 'd']) {
      poller.follow(`${namespace}/alive`, aPod(namespace), 'inRoom')
      await seconds(0)
      expect(asked.at(-1), namespace).toBe('http://10.91.0.7:8080/status')
    }
  })

  test('and are known to be such, hold up nobody of their own namespace either', async () => {
    const { poller, asked } = aPoller((url) => (url.includes('10.0.0.1') ? silent() : aProgress()))
    for (let pod = 0; pod < 100; pod += 1) poller.follow(`a/${pod}`, aPod(`dead-${pod}`, '10.0.0.1'), 'inRoom')
    await seconds(12)
    // All of them at once, as when their Pods are not ready any more.
    for (let pod = 0; pod < 100; pod += 1) poller.follow(`a/${pod}`, aPod(`dead-${pod}`, '10.0.0.1'), 'leaving')
    poller.follow('a/alive', aPod('alive'), 'inRoom')
    await seconds(0)
    expect(asked.at(-1)).toBe('http://10.91.0.7:8080/status')
    expect(poller.unknown()).toBe(100)
  })

  test('that are forgotten are not asked, and make room', async () => {
    const { poller, asked } = aPoller(() => silent())
    for (let pod = 0; pod < 50; pod += 1) poller.follow(`a/${pod}`, aPod(`dead-${pod}`), 'inRoom')
    for (let pod = 0; pod < 50; pod += 1) poller.forget(`dead-${pod}`)
    await seconds(10)
    expect(asked).toHaveLength(20)
  })
})

test.each([
  ['nonsense', () => ({ state: 'odd' }), 'its answer is not one that this operator knows'],
  ['nothing', unreachable, 'it cannot be reached'],
])('%s is no progress', async (_, answer, why) => {
  const { poller } = aPoller(answer)
  poller.follow('a/b', aPod(), 'inRoom')
  await seconds(0)
  expect(poller.follow('a/b', aPod(), 'inRoom')).toEqual({ is: 'unknown', why })
})

test('what a recorder of a later release has lost, for a reason that is not known here, hides nothing else that it says', async () => {
  const [from, to] = ['2026-01-01T00:00:01.000Z', '2026-01-01T00:00:02.000Z']
  const loss = { userId: 'alice', stream: 'main', medium: 'video', from, to, frames: 3, bytes: 9, file: null, detail: '' }
  const losses = { stretches: 1, frames: 3, bytes: 9, latest: [{ ...loss, reason: 'EatenByMice' }] }
  const later = { ...aProgress(), losses }
  const { poller } = aPoller(() => later)
  poller.follow('a/b', aPod(), 'inRoom')
  await seconds(0)
  const said = { state: 'recording', losses: { stretches: 1, frames: 3 } }
  expect(poller.follow('a/b', aPod(), 'inRoom')).toMatchObject({ is: 'known', said })
})

test('an IPv6 address is written as one', async () => {
  const { poller, asked } = aPoller()
  poller.follow('a/b', aPod('pod', 'fd00::7'), 'inRoom')
  await seconds(0)
  expect(asked).toEqual(['http://[fd00::7]:8080/status'])
})

test('one that is forgotten is asked no more', async () => {
  const { poller, asked } = aPoller()
  poller.follow('a/b', aPod(), 'inRoom')
  await seconds(0)
  poller.forget('pod')
  await seconds(600)
  expect(asked).toHaveLength(1)
})
