import { annotationName, otherAnnotation, otherAnnotations, type UserAnnotation, userAnnotations } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { nudgedAnnotation } from './control.ts'
import { decide } from './decide.ts'
import { eventsOf } from './events.ts'
import { isFinished } from './fencing.ts'
import { Refusal } from './refusal.ts'
import { aFile, aRecording, aResult, at, interrupted, stoppedBy } from './testing.ts'
import { jobOf, World } from './testing-world.ts'
import { unheeded } from './unheeded.ts'

const withCallback = () => aRecording({ callback: { url: 'https://school.example/recorded', format: 'Result' } })
const inRoom = (world = new World()) => world.settle().scheduled().inRoom()
const refused = aResult({
  outcome: 'UploadRefused',
  stopReason: 'Idle',
  startedAt: at(5).toISOString(),
  message: 'AccessDenied',
  files: [aFile('alice', { status: 0, message: 'AccessDenied' })],
})
const uploaded = aResult({ stopReason: 'NeverStarted', files: [aFile('alice')] })

describe('retry-upload', () => {
  test('does not wait for the back-off once rights are mended', () => {
    const world = inRoom().ends(refused)
    expect(world.pods).toEqual([])
    world.annotate('retry-upload')
    expect(jobOf(world)).toMatchObject({ uploadOnly: true })
    world.scheduled().ends(uploaded)
    expect(world.is('Succeeded')).toBe('True Completed')
  })

  test('has the kubelet bring Secrets up to date at once for a recorder that waits for the right keys', () => {
    const world = inRoom()
    world.annotate('retry-upload')
    expect(world.actions).toContain('nudgePod')
    expect(world.pod.metadata.annotations?.[nudgedAnnotation]).toBeDefined()
    expect(world.pods).toHaveLength(1)
    expect(world.is('Succeeded')).toBe('Unknown Recording')
  })

  test('is heeded once a value', () => {
    const world = inRoom().ends(refused).annotate('retry-upload', 'one').scheduled().ends(refused)
    expect(world.pods).toEqual([])
    expect(world.annotate('retry-upload', 'one').pods).toEqual([])
    expect(world.annotate('retry-upload', 'two').pods).toHaveLength(1)
    expect(world.status.handled).toEqual({ 'retry-upload': 'two' })
  })

  test('opens a finished Recording again, and its callback tells the new result under a new key', () => {
    const finished = inRoom(new World(withCallback())).ends(refused).annotate('give-up').callbackDelivered()
    expect(finished.is('Succeeded')).toBe('False GivenUp')
    expect(finished.recording.metadata.finalizers).toBeUndefined()
    finished.annotate('retry-upload')
    expect(finished.recording.metadata.finalizers).toHaveLength(1)
    finished.scheduled().ends(uploaded)
    expect(finished.is('Succeeded')).toBe('True Completed')
    expect(finished.status.callback).toMatchObject({ id: 'recording-uid/result/3', state: 'Pending' })
    expect(finished.claims).toEqual([])
  })
})

describe('redeliver-callback', () => {
  test('sends the same result again under the same key', () => {
    const world = inRoom(new World(withCallback()))
      .ends(stoppedBy('Idle', aFile('alice')))
      .callbackDelivered()
    world.after(60).annotate('redeliver-callback')
    expect(world.status.callback).toMatchObject({ id: 'recording-uid/result', state: 'Pending', dueSince: at(60).toISOString() })
    expect(isFinished(world.recording)).toBe(true)
  })
})

describe('force-new-attempt', () => {
  test('does not wait any longer', () => {
    const world = inRoom().ends(interrupted)
    expect(world.pods).toEqual([])
    expect(world.annotate('force-new-attempt').pod.metadata.name).toBe('math-a2')
  })

  test('asks the API server again at once', () => {
    const world = new World()
    world.refuses = { createPod: new Refusal('QuotaExceeded', 'because') }
    world.settle()
    world.refuses = {}
    expect(world.settle().pods).toEqual([])
    expect(world.annotate('force-new-attempt').pods).toHaveLength(1)
  })

  test('ends the recorder that is under way, which finishes first', () => {
    const world = inRoom().annotate('force-new-attempt')
    expect(world.pod.metadata.deletionTimestamp).toBeDefined()
    world.ends(stoppedBy('Terminated', aFile('alice')))
    expect(world.pod.metadata.name).toBe('math-a2')
  })
})

describe('several at once, with a stop or without one', () => {
  const withMedia = () => inRoom(new World(withCallback())).ends(refused)
  const scenes: Record<string, () => World> = {
    'on its way': () => new World(withCallback()).settle(),
    'in the room': () => inRoom(new World(withCallback())),
    'between two attempts': () => inRoom(new World(withCallback())).ends(interrupted),
    'with an upload that waits': withMedia,
    'with an upload under way': () => withMedia().annotate('retry-upload', 'before').scheduled(),
    'over, with what was given up': () => withMedia().annotate('give-up', 'before').callbackDelivered(),
    over: () =>
      inRoom(new World(withCallback()))
        .ends(stoppedBy('Idle', aFile('alice')))
        .callbackDelivered(),
    'refused a Pod': () => {
      const world = new World(withCallback())
      world.refuses = { createPod: new Refusal('QuotaExceeded', 'because') }
      return world.settle()
    },
  }
  const all = Object.keys(userAnnotations) as UserAnnotation[]
  const subsets = Array.from({ length: 2 ** all.length - 1 }, (_, n) => all.filter((_, bit) => ((n + 1) >> bit) & 1))

  test.each(Object.keys(scenes))('are each answered once, and with what comes of it: %s', (scene) => {
    for (const subset of subsets) {
      for (const stop of ['none', 'before', 'together'] as const) {
        const what = `${subset.join(' ')}, stop: ${stop}`
        const world = scenes[scene]!()
        if (stop === 'before') world.stop()
        const { metadata } = world.recording
        metadata.annotations = {
          ...metadata.annotations,
          ...Object.fromEntries(subset.map((one) => [annotationName(one), what])),
        }
        if (stop === 'together') world.recording.spec = { ...world.recording.spec, desiredState: 'Stopped' }
        const last = Math.max(0, ...(world.status.attempts ?? []).map(({ number }) => number))
        const { answers = {} } = decide(world.observed(), world.now)
        expect(Object.keys(answers).toSorted(), what).toEqual(subset.toSorted())
        world.settle()
        expect(world.status.handled, what).toMatchObject(Object.fromEntries(subset.map((one) => [one, what])))

        const said = (annotation: UserAnnotation) => (answers[annotation]?.is === 'heeded' ? answers[annotation].what : '')
        if (said('retry-upload').includes('is uploaded now')) expect(world.status.completionTime, what).toBeUndefined()
        world.refuses = {}
        world.allEnd(stoppedBy('Terminated', aFile('alice'))).after(600)
        const since = world.status.attempts?.filter(({ number }) => number > last) ?? []
        if (said('force-new-attempt').includes('the next attempt begins')) expect(since, what).not.toEqual([])
        if (`${said('retry-upload')}${said('force-new-attempt')}`.match(/is uploaded( now|\.$)/)) {
          expect(world.status.volumes?.filter(({ state }) => state === 'Holding') ?? [], what).toEqual([])
        }
        const isToEnd = stop !== 'none' || answers['give-up']?.is === 'heeded'
        for (let round = 0; isToEnd && round < 3 && world.status.completionTime === undefined; round += 1) {
          world.allEnd(stoppedBy('Terminated', aFile('alice'))).after(600)
        }
        if (isToEnd) expect(world.status.completionTime, what).toBeDefined()
      }
    }
  })
})

describe('give-up', () => {
  test('ends a recording that can never upload, says what is not saved, and leaves the volume', () => {
    const world = inRoom().ends(refused)
    const before = world.status
    world.annotate('give-up')
    expect(isFinished(world.recording)).toBe(true)
    expect(world.is('Stored')).toBe('False GivenUp')
    expect(world.condition('Stored')?.message).toContain('1 of the 1 files')
    expect(world.volume).toBeDefined()
    const [event] = eventsOf(before, world.status)
    expect(event).toMatchObject({ reason: 'AnnotationHeeded', note: expect.stringContaining('math-v1 (1 of the 1 files') })
  })

  test('lets go of a node that never comes back, also when it is deleted', () => {
    const world = inRoom()
    world.podBecomes((pod) => {
      pod.status!.conditions = [
        { type: 'Ready', status: 'False', lastTransitionTime: world.now.toISOString() },
        { type: 'ContainersReady', status: 'True' },
      ]
    })
    world.after(15).scheduled().inRoom().delete()
    world.ends(stoppedBy('Deleted', aFile('bob')))
    expect(world.gone).toBe(false)
    expect(world.condition('Stored')?.message).toContain('node-1')
    world.annotate('give-up')
    expect(world.gone).toBe(true)
    expect(world.claims.map(({ metadata }) => metadata.name)).toEqual(['math-v1'])
  })

  test.each([
    ['is told of', (world: World) => world],
    ['was never told of', (world: World) => world.forgetStatus()],
  ])('keeps the volume of a recorder that %s and was gone before anybody saw it run', (_, told) => {
    const world = new World().settle()
    world.claims = world.claims.map((claim) => ({ ...claim, spec: { ...claim.spec, volumeName: 'pv-1' } }))
    world.pods = []
    told(world).annotate('give-up')
    expect(world.is('Stored')).toBe('False GivenUp')
    expect(world.claims.map(({ metadata }) => metadata.name)).toEqual(['math-v1'])
  })

  test('ends a recording that waits for what never comes', () => {
    const world = new World()
    world.refuses = { createPod: new Refusal('PodRejected', 'because') }
    world.settle().annotate('give-up')
    expect(world.is('Succeeded')).toBe('True StoppedBeforeStart')
    expect(world.status.stopReason).toBe('GivenUp')
  })
})

describe('take-over-volume', () => {
  test('uploads what a namesake left, and records on a volume of its own', () => {
    const former = inRoom().ends(undefined, { reason: 'OOMKilled' })
    const world = new World(aRecording({}, { uid: 'second' }))
    world.claims = former.claims
    world.refuses = { ensureVolume: new Refusal('VolumeNotOwned', 'because') }
    // Only what is the Recording's own is observed.
    const left = world.claims
    world.claims = []
    world.settle()
    expect(world.is('Started')).toBe('False VolumeNotOwned')
    world.refuses = {}
    world.claims = left
    world.annotate('take-over-volume')
    expect(world.status.volumes).toMatchObject([
      { name: 'math-v2' },
      { name: 'math-v1', state: 'Holding', holds: 'What a Recording of the same name left', retired: true },
    ])
    // At once, beside the recorder.
    expect(jobOf(world)).toMatchObject({ uploadOnly: true })
    world.scheduled().ends(uploaded)
    world
      .scheduled()
      .inRoom()
      .ends(stoppedBy('Idle', aFile('bob')))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.status.files).toHaveLength(2)
    expect(world.claims).toEqual([])
  })
})

describe('what a user is told of an annotation', () => {
  type Names = Parameters<World['annotate']>[0]
  const misspelt = 'retry-uplaod' as Names
  /** Annotates, and gives the Event of it. */
  function told(world: World, annotation: Names, value = 'now') {
    const { recording } = world
    recording.metadata.annotations = { ...recording.metadata.annotations, [`trtc-recorder.dev/${annotation}`]: value }
    const plan = decide(world.observed(), world.now)
    const [event] = eventsOf(recording.status, plan.status, plan.answers).filter(({ action }) => action === 'Heed')
    return `${event?.type} ${event?.reason}: ${event?.note}`
  }
  const finished = () => inRoom(new World(withCallback())).ends(stoppedBy('Idle', aFile('alice')))
  const refusedPod = () => {
    const world = new World()
    world.refuses = { createPod: new Refusal('QuotaExceeded', 'because') }
    return world.settle()
  }

  test.each<[Names, string, () => World, string]>([
    ['retry-upload', 'before anything is recorded', refusedPod, 'Nothing has been recorded yet'],
    ['retry-upload', 'once all is stored', finished, 'Nothing is left on a volume'],
    ['redeliver-callback', 'where nobody is to be told', inRoom, 'names nobody in spec.callback'],
    ['redeliver-callback', 'while it records', () => inRoom(new World(withCallback())), 'is not over yet'],
    ['redeliver-callback', 'while it is sent', finished, 'is being sent'],
    ['force-new-attempt', 'once it is over', finished, 'Make a new Recording'],
    ['give-up', 'once it is over', finished, 'The recording is over'],
    ['take-over-volume', 'where no volume is in the way', inRoom, 'VolumeNotOwned'],
    [misspelt, 'while it records', inRoom, 'There is no such annotation; there are retry-upload, redeliver-callback, '],
    [misspelt, 'once it is over', finished, 'There is no such annotation'],
    ['toString' as Names, 'while it records', inRoom, 'There is no such annotation'],
  ])('%s %s: that it has no effect, and why', (annotation, _, world, why) => {
    const event = told(world(), annotation)
    expect(event).toMatch(
      new RegExp(`^Warning AnnotationIgnored: Annotation trtc-recorder.dev/${annotation} with the value "now" `),
    )
    expect(event).toContain(why)
  })

  test.each<[Names, string, () => World, string]>([
    ['retry-upload', 'while it records', inRoom, 'Pod math-a1 gets changed Secrets at once'],
    ['retry-upload', 'once uploads were refused', () => inRoom().ends(refused), 'What is on math-v1 is uploaded now.'],
    ['force-new-attempt', 'between attempts', () => inRoom().ends(interrupted), 'does not wait for its time'],
    ['force-new-attempt', 'while it records', inRoom, 'Attempt 1 ends, and then the next attempt begins.'],
    ['force-new-attempt', 'while the API server refuses', refusedPod, 'is asked for Pod math-a1 now'],
    ['give-up', 'while it records', inRoom, 'Not in COS: math-v1 (What attempt 1 has recorded)'],
  ])('%s %s: what comes of it', (annotation, _, world, what) => {
    const event = told(world(), annotation)
    expect(event).toMatch(/^Normal AnnotationHeeded: /)
    expect(event).toContain(what)
  })

  test('is short, and in one line, whatever the value is', () => {
    const event = told(inRoom(), 'retry-upload', `first\nsecond ${'x'.repeat(300)}`)
    expect(event).toContain('with the value "first\\nsecond xxxxxxxxxxxxxxxxxxxxxxxxxxx"')
  })

  test.each([inRoom, finished])('is told once for each value of what there is not, and forgotten when that is gone', (world) => {
    const told = world().annotate(misspelt)
    expect(unheeded(told.recording)).toEqual([])
    const { metadata } = told.recording
    metadata.annotations![`trtc-recorder.dev/${misspelt}`] = 'again'
    expect(unheeded(told.recording)).toEqual([misspelt])
    delete metadata.annotations![`trtc-recorder.dev/${misspelt}`]
    told.annotate('redeliver-callback')
    expect(Object.keys(told.status.handled ?? {})).toEqual(['redeliver-callback'])
  })

  test('is no more than a status holds, however many annotations there are', () => {
    const world = inRoom()
    const many = Array.from({ length: 100 }, (_, number) => [`trtc-recorder.dev/x${number}`, ''])
    world.recording.metadata.annotations = Object.fromEntries(many)
    expect(unheeded(world.settle().recording)).toEqual([])
    expect(Object.keys(world.status.handled ?? {})).toHaveLength(8)
  })

  test('is nothing of annotations that are the programs’, or of others', () => {
    const world = inRoom()
    const programs = otherAnnotations.map((annotation) => [otherAnnotation(annotation), 'x'])
    world.recording.metadata.annotations = Object.fromEntries([...programs, ['example.com/retry-uplaod', 'x']])
    expect(unheeded(world.recording)).toEqual([])
  })

  test('is told once, also where the value is cut in the middle of a character', () => {
    const world = inRoom().annotate('retry-upload', `${'x'.repeat(255)}😀`)
    // As it comes back from the API server, which knows no half characters.
    world.recording.status!.handled = JSON.parse(JSON.stringify(world.status.handled).replaceAll(/\\ud[89ab]../g, '\ufffd'))
    expect(unheeded(world.recording)).toEqual([])
  })
})

test('redeliver-callback does not wait for the time of the next delivery', () => {
  const world = inRoom(new World(withCallback())).ends(stoppedBy('Idle', aFile('alice')))
  const callback = { ...world.status.callback!, attempts: 9, nextAttemptTime: at(600).toISOString(), lastError: 'away' }
  world.recording = { ...world.recording, status: { ...world.status, callback } }
  world.annotate('redeliver-callback')
  expect(world.status.callback).toMatchObject({ id: 'recording-uid/result', state: 'Pending', attempts: 9 })
  expect(world.status.callback?.nextAttemptTime).toBeUndefined()
})
