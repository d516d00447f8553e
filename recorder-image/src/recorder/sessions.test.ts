import { limitsSchema, subscribeSchema } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import type { RoomEvent } from '../room/events.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { type SessionAction, Sessions } from './sessions.ts'

type Timeless<E> = E extends { timeMicros: number } ? Omit<E, 'timeMicros'> : never

/** Plays a room to the sessions and keeps, per file, the markers of the frames that went into it. */
class Room {
  readonly sessions: Sessions
  readonly files: { userId: string; stream: string; frames: string[]; closed: boolean }[] = []
  readonly subscribed: string[] = []
  readonly timeline: string[] = []
  /** Slots that were asked for a key frame. */
  readonly asked: number[] = []
  readonly lost: { reason: string; userId: string | null; frames: number | null }[] = []
  /** What is on the volume of what nobody owns yet, by its number, and what stays there. */
  readonly held = new Map<number, string[]>()
  readonly kept: number[] = []
  /** Whose files were told of one. */
  readonly pauses: string[] = []
  nowMicros = 100_000_000
  readonly #fileOf = new Map<number, (typeof this.files)[number]>()

  constructor(mode: '00' | '01' | '02' = '02', subscribe: Parameters<typeof subscribeSchema.parse>[0] = {}, limits: object = {}) {
    this.sessions = new Sessions({ mode, subscribe: subscribeSchema.parse(subscribe), limits: limitsSchema.parse(limits) })
  }

  say(event: Timeless<RoomEvent>): this {
    return this.#apply(this.sessions.event({ ...event, timeMicros: this.nowMicros } as RoomEvent))
  }

  enters(userId: string, streams: { audio?: boolean; video?: boolean } = { audio: true, video: true }): this {
    this.say({ type: 'anchorEntered', userId })
    for (const kind of ['audio', 'video'] as const) {
      if (streams[kind]) this.say({ type: 'available', userId, stream: 'main', kind, available: true })
    }
    return this.say({ type: 'published', userId, stream: 'main', published: true })
  }

  /** As the SDK tells it: nothing available, nothing published, gone. */
  leaves(userId: string): this {
    this.say({ type: 'available', userId, stream: 'main', kind: 'audio', available: false })
    this.say({ type: 'published', userId, stream: 'main', published: false })
    return this.say({ type: 'anchorLeft', userId })
  }

  bound(userId: string, slot: number, ssrc: number, stream: 'main' | 'aux' = 'main', kind: 'audio' | 'video' = 'video'): this {
    return this.say({ type: 'bound', slot, ssrc, userId, stream, kind })
  }

  frame(slot: number, ssrc: number, marker: string, kind: 'audio' | 'video' = 'video', key = true): this {
    const frame: EncodedFrame = {
      slot,
      kind,
      ssrc,
      key,
      rtpTimestamp: 0,
      sequenceNumber: null,
      receiveTimeMicros: this.nowMicros,
      mimeType: kind === 'video' ? 'video/H264' : 'audio/opus',
      data: new TextEncoder().encode(marker),
    }
    return this.#apply(this.sessions.frame(frame))
  }

  steer(paused: boolean, subscribe: Parameters<typeof subscribeSchema.parse>[0] = {}): this {
    return this.#apply(this.sessions.steer({ paused, subscribe: subscribeSchema.parse(subscribe) }, this.nowMicros))
  }

  seconds(seconds: number): this {
    this.nowMicros += seconds * 1_000_000
    return this.#apply(this.sessions.tick(this.nowMicros))
  }

  restTaken(): this {
    return this.#apply(this.sessions.restTaken(this.sessions.pauseNumber))
  }

  stop(): this {
    return this.#apply(this.sessions.closeAll())
  }

  get story() {
    return this.files.map(
      ({ userId, stream, frames, closed }) => `${userId} ${stream}: ${frames.join(' ')}${closed ? ' |' : ' …'}`,
    )
  }

  #apply(actions: SessionAction[]): this {
    for (const action of actions) {
      if (action.type === 'open') {
        const { userId, stream } = action.publication
        const file = { userId, stream, frames: [], closed: false }
        this.files.push(file)
        this.#fileOf.set(action.publication.id, file)
      } else if (action.type === 'write') {
        const file = this.#fileOf.get(action.publication.id)
        if (file === undefined || file.closed) throw new Error('A frame was written to a file that is not open')
        file.frames.push(new TextDecoder().decode(action.frame.data))
      } else if (action.type === 'close') this.#fileOf.get(action.publication.id)!.closed = true
      else if (action.type === 'askForKey') this.asked.push(action.slot)
      else if (action.type === 'paused') this.pauses.push(action.publication.userId)
      else if (action.type === 'subscribe') this.subscribed.push(`${action.userId} ${action.stream} ${action.kind}`)
      else if (action.type === 'unsubscribe')
        this.subscribed.splice(this.subscribed.indexOf(`${action.userId} ${action.stream} ${action.kind}`), 1)
      else if (action.type === 'timeline')
        this.timeline.push(`${action.event.userId} ${action.event.stream} ${action.event.event}`)
      else if (action.type === 'hold')
        this.held.set(action.hold, [...(this.held.get(action.hold) ?? []), new TextDecoder().decode(action.frame.data)])
      else if (action.type === 'unhold' || action.type === 'claimed') this.held.delete(action.hold)
      else if (action.type === 'unclaimed') {
        if (action.isKept) this.kept.push(action.hold)
        this.held.delete(action.hold)
      }
      if (action.type === 'lost' || action.type === 'unclaimed')
        this.lost.push({ reason: action.loss.reason, userId: action.loss.userId, frames: action.loss.frames })
    }
    return this
  }
}

describe('whose frame is it', () => {
  test('frames that come before their owner is known wait for it, in order', () => {
    const room = new Room().enters('alice').frame(3, 100, 'a1').frame(3, 100, 'a2')
    expect(room.files).toEqual([])
    room.bound('alice', 3, 100).frame(3, 100, 'a3')
    expect(room.story).toEqual(['alice main: a1 a2 a3 …'])
  })

  test('a slot that goes on to the next user takes the next user’s frames to the next user’s file', () => {
    const room = new Room().enters('alice').bound('alice', 3, 100).frame(3, 100, 'a1')
    room.leaves('alice').enters('bob').frame(3, 200, 'b1').bound('bob', 3, 200).frame(3, 200, 'b2')
    expect(room.story).toEqual(['alice main: a1 …', 'bob main: b1 b2 …'])
  })

  test('a frame of the user before that comes late never lands in the file of the next', () => {
    const room = new Room().enters('alice').bound('alice', 3, 100).frame(3, 100, 'a1').leaves('alice')
    room.enters('bob').bound('bob', 3, 200).frame(3, 100, 'late').frame(3, 200, 'b1').seconds(2).frame(3, 100, 'too late')
    expect(room.story).toEqual(['alice main: a1 late |', 'bob main: b1 …'])
  })

  test('frames that nobody claims are given up, and it is said', () => {
    const room = new Room().enters('alice').frame(3, 100, 'x').seconds(5)
    expect(room.lost).toEqual([])
    room.seconds(6)
    expect(room.lost).toEqual([{ reason: 'Unclaimed', userId: null, frames: 1 }])
    room.bound('alice', 3, 100).frame(3, 100, 'a1')
    expect(room.story).toEqual(['alice main: a1 …'])
  })

  test('unclaimed frames cannot fill the memory', () => {
    const room = new Room()
    for (let i = 0; i < 20; i++) room.frame(1, 1, 'x'.repeat(1024 * 1024))
    expect(room.lost.length).toBe(2)
  })
})

describe('what nobody is known to own yet', () => {
  test('is on the volume at once, and goes from there when it is in the file of its owner', () => {
    const room = new Room().enters('alice').frame(3, 100, 'a1').frame(3, 100, 'a2').frame(4, 101, 's1', 'audio')
    expect([...room.held.values()]).toEqual([['a1', 'a2'], ['s1']])
    room.bound('alice', 3, 100)
    expect([...room.held.values()]).toEqual([['s1']])
    expect(room.story).toEqual(['alice main: a1 a2 …'])
  })

  test('stays there when nobody claims it in time, or the recording ends', () => {
    const room = new Room().enters('alice').frame(3, 100, 'x').seconds(11)
    expect(room.kept).toEqual([1])
    room.frame(4, 101, 'y').stop()
    expect(room.kept).toEqual([1, 2])
    expect(room.lost).toEqual([
      { reason: 'Unclaimed', userId: null, frames: 1 },
      { reason: 'Unclaimed', userId: null, frames: 1 },
    ])
  })

  test('is not there for a moment while anybody is in the room whose it may be, and who is not recorded', () => {
    const room = new Room('02', { exclude: ['dave'] }).enters('alice').enters('dave').frame(3, 100, 'x')
    expect(room.held.size).toBe(0)
    room.leaves('dave').seconds(9).frame(5, 102, 'late')
    expect(room.held.size).toBe(0)
    room.seconds(1).frame(6, 103, 'a1')
    expect([...room.held.values()]).toEqual([['a1']])
    expect(room.seconds(11).kept).toHaveLength(1)
  })

  test('of a medium that everybody is recorded with is there', () => {
    const room = new Room('02', { video: { exclude: ['dave'] } }).enters('alice').enters('dave')
    room.frame(3, 100, 'picture').frame(4, 101, 'sound', 'audio')
    expect([...room.held.values()]).toEqual([['sound']])
  })

  test('goes from there when somebody is excluded, or enters who is, and has its owner all the same', () => {
    const room = new Room().enters('alice').enters('bob').frame(3, 100, 'x')
    room.steer(false, { exclude: ['bob'] })
    expect(room.held.size).toBe(0)
    expect(room.bound('alice', 3, 100).story).toEqual(['alice main: x …'])
    const other = new Room('02', { exclude: ['dave'] }).enters('alice').frame(3, 100, 'x')
    expect(other.held.size).toBe(1)
    other.enters('dave')
    expect(other.held.size).toBe(0)
  })

  test('of whom nothing is recorded leaves nothing', () => {
    const room = new Room()
      .enters('alice')
      .frame(3, 100, 'x')
      .steer(false, { exclude: ['alice'] })
    room.bound('alice', 3, 100).seconds(20).stop()
    expect({ held: room.held.size, kept: room.kept, files: room.files }).toEqual({ held: 0, kept: [], files: [] })
  })
})

describe('one file for each time a stream is published', () => {
  test('mute and unmute stay in it', () => {
    const room = new Room().enters('alice').bound('alice', 3, 100).frame(3, 100, 'a1')
    room.say({ type: 'available', userId: 'alice', stream: 'main', kind: 'video', available: false })
    room.say({ type: 'published', userId: 'alice', stream: 'main', published: true })
    room.seconds(60)
    room.say({ type: 'available', userId: 'alice', stream: 'main', kind: 'video', available: true }).frame(3, 100, 'a2')
    expect(room.story).toEqual(['alice main: a1 a2 …'])
    expect(room.timeline).toEqual([
      'alice main enter',
      'alice main audioOn',
      'alice main videoOn',
      'alice main videoOff',
      'alice main videoOn',
    ])
  })

  test('a new subscription while still publishing stays in it', () => {
    const room = new Room().enters('alice').bound('alice', 3, 100).frame(3, 100, 'a1')
    room.say({ type: 'connectionLost' }).say({ type: 'connectionRecovered' })
    room.enters('alice').frame(9, 300, 'a2').bound('alice', 9, 300)
    expect(room.story).toEqual(['alice main: a1 a2 …'])
    expect(room.timeline).toContain('alice main resumed')
  })

  test('leaving and coming back begins the next one', () => {
    const room = new Room().enters('bob').bound('bob', 3, 100).frame(3, 100, 'b1').leaves('bob').seconds(2)
    expect(room.story).toEqual(['bob main: b1 |'])
    room.enters('bob').bound('bob', 3, 101).frame(3, 101, 'b2').stop()
    expect(room.story).toEqual(['bob main: b1 |', 'bob main: b2 |'])
  })

  test('also when coming back is quicker than the last frames', () => {
    const room = new Room().enters('bob').bound('bob', 3, 100).frame(3, 100, 'b1').leaves('bob').enters('bob')
    room.bound('bob', 3, 101).frame(3, 100, 'b2').frame(3, 101, 'b3').seconds(1).stop()
    expect(room.story).toEqual(['bob main: b1 b2 |', 'bob main: b3 |'])
  })

  test('within limits.reconnectWindowSeconds who comes back goes on in the same file, later in the next one', () => {
    const room = new Room('02', {}, { reconnectWindowSeconds: 10 }).enters('bob').bound('bob', 3, 100).frame(3, 100, 'b1')
    room.leaves('bob').seconds(9.9).enters('bob').bound('bob', 4, 101).frame(4, 101, 'b2')
    expect(room.story).toEqual(['bob main: b1 b2 …'])
    room.leaves('bob').seconds(10).enters('bob').bound('bob', 4, 102).frame(4, 102, 'b3').stop()
    expect(room.story).toEqual(['bob main: b1 b2 |', 'bob main: b3 |'])
  })

  test('a window that nobody comes back in keeps nobody counted as publishing', () => {
    const room = new Room('02', {}, { reconnectWindowSeconds: 10 }).enters('bob').bound('bob', 3, 100).frame(3, 100, 'b1')
    expect(room.leaves('bob').sessions.publishingUsers).toBe(0)
  })

  test('camera and screen of one user are two files', () => {
    const room = new Room().enters('alice').bound('alice', 3, 100).frame(3, 100, 'camera')
    room.say({ type: 'available', userId: 'alice', stream: 'aux', kind: 'video', available: true })
    room.bound('alice', 4, 101, 'aux').frame(4, 101, 'screen')
    expect(room.story).toEqual(['alice main: camera …', 'alice aux: screen …'])
    expect(room.subscribed).toContain('alice aux video')
  })

  test('a screen shared again beside a camera that went on is the next file, though its SSRC is the old one', () => {
    const room = new Room().enters('alice')
    const screen = (published: boolean) => {
      room.say({ type: 'available', userId: 'alice', stream: 'aux', kind: 'video', available: published })
      room.say({ type: 'published', userId: 'alice', stream: 'aux', published })
    }
    screen(true)
    room.bound('alice', 4, 101, 'aux').frame(4, 101, 's1')
    screen(false)
    room.seconds(2)
    screen(true)
    room.frame(4, 101, 's2')
    expect(room.story).toEqual(['alice aux: s1 |', 'alice aux: s2 …'])
  })

  test('what is on its way when a screen is shared again is of the time before, up to the key frame that it begins with', () => {
    const room = new Room().enters('alice')
    const screen = (published: boolean) => room.say({ type: 'published', userId: 'alice', stream: 'aux', published })
    screen(true).bound('alice', 4, 101, 'aux').frame(4, 101, 's1')
    screen(false).frame(4, 101, 's2', 'video', false).seconds(0.05)
    screen(true).frame(4, 101, 's3', 'video', false).frame(4, 101, 't1').frame(4, 101, 't2', 'video', false).seconds(2)
    expect(room.story).toEqual(['alice aux: s1 s2 s3 |', 'alice aux: t1 t2 …'])
    screen(false)
    screen(true).seconds(2).frame(4, 101, 'u1', 'video', false)
    expect(room.story.at(-1)).toBe('alice aux: u1 …')
  })

  test('sound and picture of a user go into one file, whichever begins', () => {
    const room = new Room().enters('carol', { audio: true }).bound('carol', 2, 50, 'main', 'audio').frame(2, 50, 'sound', 'audio')
    room.say({ type: 'available', userId: 'carol', stream: 'main', kind: 'video', available: true })
    room.bound('carol', 3, 51).frame(3, 51, 'picture')
    expect(room.story).toEqual(['carol main: sound picture …'])
  })

  test('somebody who publishes and never sends anything has no file', () => {
    const room = new Room().enters('alice').stop()
    expect(room.story).toEqual([])
  })

  test('what comes after the end is in no file, and it is said', () => {
    const room = new Room()
      .enters('alice')
      .bound('alice', 3, 100)
      .frame(3, 100, 'a1')
      .leaves('alice')
      .seconds(2)
      .frame(3, 100, 'a2')
    expect(room.story).toEqual(['alice main: a1 |'])
    expect(room.lost).toEqual([{ reason: 'AfterTheEnd', userId: 'alice', frames: 1 }])
  })
})

describe('when the recorder was away', () => {
  const away = (room: Room) =>
    room.say({ type: 'away', why: 'Chromium ended', heardMicros: 0 }).seconds(4).say({ type: 'entered' })

  test('files go on as the next ones, and the timeline has it', () => {
    const room = new Room().enters('alice').bound('alice', 3, 100).frame(3, 100, 'a1')
    away(room).enters('alice').bound('alice', 0, 900).frame(0, 900, 'a2').seconds(10).frame(0, 900, 'a3')
    expect(room.story).toEqual(['alice main: a1 |', 'alice main: a2 a3 …'])
    expect(room.timeline.filter((line) => line.endsWith('enter') || line.endsWith('leave'))).toEqual(['alice main enter'])
    expect(room.timeline.filter((line) => line.endsWith('resumed'))).toEqual(['alice main resumed'])
    expect(room.lost).toEqual([])
  })

  test('what the page before had said of slots means nothing any more', () => {
    const room = new Room().enters('alice').enters('bob').bound('alice', 3, 100).frame(3, 100, 'a1')
    away(room).enters('alice').enters('bob').frame(3, 100, 'b1').bound('bob', 3, 100).frame(3, 100, 'b2')
    expect(room.story).toEqual(['alice main: a1 |', 'bob main: b1 b2 …'])
  })

  test('whoever left meanwhile has left once the room has told who is there', () => {
    const room = new Room().enters('alice').enters('bob').bound('alice', 3, 100).frame(3, 100, 'a1')
    away(room).enters('bob').seconds(2.9)
    expect(room.sessions.anchors.map(({ userId }) => userId)).toEqual(['alice', 'bob'])
    room.seconds(0.1)
    expect(room.sessions.anchors.map(({ userId }) => userId)).toEqual(['bob'])
    expect(room.timeline.at(-1)).toBe('alice main leave')
  })

  test('frames that had no owner yet never get one', () => {
    const room = new Room().enters('alice').frame(3, 100, 'x')
    away(room)
    expect(room.lost).toEqual([{ reason: 'Unclaimed', userId: null, frames: 1 }])
  })
})

test('frames that the page threw away were of whoever had their subscription, else of whoever sends in that slot', () => {
  const room = new Room().enters('alice').bound('alice', 3, 100).frame(3, 100, 'a1').enters('bob').bound('bob', 3, 200)
  const lost = { frames: 7, bytes: 700, atMicros: 5 }
  expect(room.sessions.overflow({ slot: 3, ssrc: 201 }, lost)).toMatchObject({ userId: 'bob' })
  expect(room.sessions.overflow({ slot: 3, ssrc: 100 }, lost)).toMatchObject({
    userId: 'alice',
    stream: 'main',
    medium: 'video',
    reason: 'Overflow',
    frames: 7,
  })
  expect(room.sessions.overflow({ slot: 9, ssrc: 1 }, lost)).toMatchObject({ userId: null, stream: null, frames: 7 })
})

describe('whom to receive', () => {
  const everything = (room: Room) => {
    for (const userId of ['alice', 'bob', 'student_1']) {
      room.enters(userId).say({ type: 'available', userId, stream: 'aux', kind: 'video', available: true })
    }
    return room.subscribed
  }

  test('mode 00 asks for sound only', () => {
    expect(everything(new Room('00'))).toEqual(['alice main audio', 'bob main audio', 'student_1 main audio'])
  })

  test('mode 01 asks for pictures only', () => {
    expect(everything(new Room('01', { include: ['bob'] }))).toEqual(['bob main video', 'bob aux video'])
  })

  test('mode 02 asks for all', () => {
    expect(everything(new Room('02', { include: ['alice'] }))).toEqual([
      'alice main audio',
      'alice main video',
      'alice aux video',
    ])
  })

  test('the excluded are not asked for, not in the timeline, and not recorded even if their media came', () => {
    const room = new Room('00', { exclude: ['student_.*$'] })
    expect(everything(room)).toEqual(['alice main audio', 'bob main audio'])
    room.bound('student_1', 5, 500, 'main', 'audio').frame(5, 500, 'x', 'audio')
    expect(room.files).toEqual([])
    expect(room.timeline.filter((line) => line.startsWith('student'))).toEqual([])
  })

  test('but they are anchors of the room, and keep it from being idle', () => {
    const room = new Room('02', { exclude: ['dave'] }).enters('dave')
    expect(room.sessions.anchors).toEqual([{ userId: 'dave', audio: true, video: true, aux: false, recorded: false }])
    expect(room.sessions.publishingUsers).toBe(1)
    room.leaves('dave')
    expect(room.sessions.publishingUsers).toBe(0)
    expect(room.sessions.anchors).toEqual([])
  })
})

describe('while it is paused', () => {
  const recorded = () =>
    new Room().enters('alice').bound('alice', 3, 100).bound('alice', 4, 200, 'main', 'audio').frame(3, 100, 'a1').seconds(1)

  test('nothing of anybody is asked for, held or written, and it goes on in the same file', () => {
    const room = recorded().steer(true)
    expect(room.subscribed).toEqual([])
    room.frame(3, 100, 'secret').frame(4, 200, 'secret', 'audio').frame(9, 900, 'secret').enters('bob').seconds(20)
    expect(room.subscribed).toEqual([])
    room.steer(false).bound('alice', 9, 900)
    expect(room.subscribed.sort()).toEqual(['alice main audio', 'alice main video', 'bob main audio', 'bob main video'])
    room.frame(3, 100, 'a2')
    expect(room.story).toEqual(['alice main: a1 a2 …'])
    expect(room.timeline.filter((line) => /paused|resumed/.test(line))).toEqual(['alice main paused', 'alice main resumed'])
    expect(room.lost).toEqual([])
  })

  test('what was on its way then is not taken after it either', () => {
    const room = recorded().steer(true).seconds(1)
    const sentWhilePaused = room.nowMicros
    room.seconds(1).steer(false)
    room.nowMicros = sentWhilePaused
    room.frame(4, 200, 'secret', 'audio')
    expect(room.story).toEqual(['alice main: a1 …'])
  })

  test('pictures go on with one that can be decoded, and it is said what could not', () => {
    const room = recorded().steer(true).seconds(1).steer(false)
    room.frame(3, 100, 'delta', 'video', false).frame(3, 100, 'a2').frame(3, 100, 'a3', 'video', false)
    expect(room.story).toEqual(['alice main: a1 a2 a3 …'])
    expect(room.lost).toEqual([{ reason: 'NoKeyFrame', userId: 'alice', frames: 1 }])
  })

  test('what was on its way when a short pause began is taken after it, and pictures go on with one that can be decoded', () => {
    const room = recorded()
    room.nowMicros += 50_000
    const before = room.nowMicros
    room.nowMicros += 50_000
    room.steer(true)
    room.nowMicros += 50_000
    room.steer(false)
    const after = room.nowMicros
    room.nowMicros = before
    room.frame(3, 100, 'a2', 'video', false)
    room.nowMicros = after
    room.frame(3, 100, 'delta', 'video', false).frame(3, 100, 'a3')
    expect(room.story).toEqual(['alice main: a1 a2 a3 …'])
    expect(room.lost).toEqual([{ reason: 'NoKeyFrame', userId: 'alice', frames: 1 }])
  })

  test('of two pauses soon after each other too: what came between them refers to what came in the first', () => {
    const room = recorded().steer(true)
    room.frame(3, 100, 'secret', 'video', false).seconds(0.05).steer(false).seconds(0.02)
    const between = room.nowMicros
    room.seconds(0.03).steer(true)
    room.nowMicros = between
    room.frame(3, 100, 'delta', 'video', false).frame(3, 100, 'a2').frame(3, 100, 'a3', 'video', false)
    expect(room.story).toEqual(['alice main: a1 a2 a3 …'])
    expect(room.lost).toEqual([{ reason: 'NoKeyFrame', userId: 'alice', frames: 1 }])
  })

  describe('what came before it', () => {
    /** What a frame of before is that gets here when it has begun. */
    const late = (room: Room, send: () => void) => {
      const now = room.nowMicros
      room.nowMicros -= 20_000
      send()
      room.nowMicros = now
    }

    test('and gets here while the rest is waited for is taken, and later it is told, for what it is', () => {
      const room = recorded().steer(true)
      late(room, () => room.frame(3, 100, 'a2', 'video', false).frame(4, 200, 's2', 'audio'))
      room.restTaken()
      late(room, () => room.frame(3, 100, 'a3', 'video', false))
      expect(room.story).toEqual(['alice main: a1 a2 s2 …'])
      expect(room.lost).toEqual([{ reason: 'PausedMeanwhile', userId: 'alice', frames: 1 }])
    })

    test('of which it is not known yet whose it is waits as long as the rest is waited for', () => {
      const room = recorded().frame(9, 900, 'b1').frame(8, 800, 'x').seconds(0.02).steer(true)
      late(room, () => room.frame(9, 900, 'b2', 'video', false))
      room.enters('bob').bound('bob', 9, 900)
      late(room, () => room.frame(9, 900, 'b3', 'video', false))
      expect(room.lost).toEqual([])
      room.restTaken()
      late(room, () => room.frame(8, 800, 'y'))
      expect(room.story).toEqual(['alice main: a1 …', 'bob main: b1 b2 b3 …'])
      expect(room.lost).toEqual([
        { reason: 'Unclaimed', userId: null, frames: 1 },
        { reason: 'PausedMeanwhile', userId: null, frames: 1 },
      ])
    })

    test('of which it is known after a short one whose it is, is theirs, and goes on with a picture that can be decoded', () => {
      const room = recorded().frame(9, 900, 'b1').seconds(0.02).steer(true).seconds(0.1).steer(false)
      const pausedMicros = room.nowMicros
      room.nowMicros -= 110_000
      room.frame(9, 900, 'b2', 'video', false)
      room.nowMicros = pausedMicros
      room.restTaken().frame(9, 900, 'delta', 'video', false).frame(9, 900, 'b3').enters('bob').bound('bob', 9, 900)
      room.frame(9, 900, 'b4', 'video', false)
      expect(room.story).toEqual(['alice main: a1 …', 'bob main: b1 b2 b3 b4 …'])
      expect(room.lost).toEqual([{ reason: 'NoKeyFrame', userId: 'bob', frames: 1 }])
      expect(room.pauses).toEqual(['alice', 'bob'])
      expect([...room.held]).toEqual([])
    })

    test('the same of two pauses, and where the first picture after it is known to come with its owner', () => {
      const room = recorded().frame(9, 900, 'b1').seconds(0.02)
      room.steer(true).seconds(0.1).steer(false).frame(9, 900, 'delta', 'video', false).seconds(0.02)
      room.steer(true).seconds(0.1).steer(false).enters('bob').bound('bob', 9, 900)
      room.frame(9, 900, 'delta', 'video', false).frame(9, 900, 'b2')
      expect(room.story).toEqual(['alice main: a1 …', 'bob main: b1 b2 …'])
      expect(room.lost).toEqual([
        { reason: 'NoKeyFrame', userId: 'bob', frames: 1 },
        { reason: 'NoKeyFrame', userId: 'bob', frames: 1 },
      ])
    })

    test('of which it never is known is given up, all of it', () => {
      const room = recorded()
        .frame(9, 900, 'b1')
        .seconds(0.02)
        .steer(true)
        .seconds(0.1)
        .steer(false)
        .frame(9, 900, 'b2')
        .seconds(11)
      expect(room.lost).toEqual([
        { reason: 'Unclaimed', userId: null, frames: 1 },
        { reason: 'Unclaimed', userId: null, frames: 1 },
      ])
    })

    test('of somebody who is known in it goes on after it with a picture that can be decoded', () => {
      const room = recorded().frame(9, 900, 'b1').seconds(0.02).steer(true).enters('bob').bound('bob', 9, 900)
      room.seconds(0.1).steer(false).frame(9, 900, 'delta', 'video', false).frame(9, 900, 'b2')
      expect(room.story).toEqual(['alice main: a1 …', 'bob main: b1 b2 …'])
      expect(room.lost).toEqual([{ reason: 'NoKeyFrame', userId: 'bob', frames: 1 }])
    })
  })

  test('files of those who leave end, and the recorder that comes back to the room asks for nothing', () => {
    const room = recorded().steer(true).leaves('alice').seconds(2)
    expect(room.story).toEqual(['alice main: a1 |'])
    room.say({ type: 'away', why: 'The page crashed', heardMicros: 0 }).say({ type: 'entered' }).enters('bob')
    expect(room.subscribed).toEqual([])
  })
})

describe('whom to record may change while it is recorded', () => {
  test('who is excluded is given up and their file ends; included again they get the next one', () => {
    const room = new Room().enters('alice').enters('bob').bound('alice', 3, 100).bound('bob', 4, 200)
    room
      .frame(3, 100, 'a1')
      .frame(4, 200, 'b1')
      .steer(false, { exclude: ['bob'] })
    expect(room.subscribed).toEqual(['alice main audio', 'alice main video'])
    room.frame(4, 200, 'b2').frame(3, 100, 'a2')
    expect(room.story).toEqual(['alice main: a1 a2 …', 'bob main: b1 |'])
    room.steer(false).frame(4, 200, 'b3')
    expect(room.story).toEqual(['alice main: a1 a2 …', 'bob main: b1 |', 'bob main: b3 …'])
    expect(room.lost).toEqual([])
  })

  test('for each medium', () => {
    const room = new Room('02', { video: { include: ['teacher'] } }).enters('alice').enters('teacher')
    expect(room.subscribed).toEqual(['alice main audio', 'teacher main audio', 'teacher main video'])
    room.steer(false, { audio: { exclude: ['alice'] } })
    expect(room.subscribed.sort()).toEqual(['alice main video', 'teacher main audio', 'teacher main video'])
  })

  test.each([
    ['whose sound is excluded where nothing else is recorded', '00', 'main', 'audio', { audio: { exclude: ['alice'] } }, false],
    ['whose pictures are, where nothing else is', '01', 'main', 'video', { video: { exclude: ['alice'] } }, false],
    [
      'whose sound and pictures are',
      '02',
      'main',
      'video',
      { audio: { exclude: ['alice'] }, video: { exclude: ['al.*$'] } },
      false,
    ],
    ['whose screen is, of which there are pictures alone', '02', 'aux', 'video', { video: { exclude: ['alice'] } }, true],
  ] as const)('the file of somebody %s ends, and goes on as the next one', (_, mode, stream, kind, subscribe, recorded) => {
    const room = new Room(mode).enters('alice')
    if (stream === 'aux') room.say({ type: 'available', userId: 'alice', stream, kind, available: true })
    room.bound('alice', 3, 100, stream, kind).frame(3, 100, '1', kind)
    room.steer(false, subscribe)
    expect(room.story).toEqual([`alice ${stream}: 1 |`])
    expect(room.sessions.anchors.map((anchor) => anchor.recorded)).toEqual([recorded])
    room.steer(false).bound('alice', 3, 101, stream, kind).frame(3, 101, '2', kind)
    expect(room.story).toEqual([`alice ${stream}: 1 |`, `alice ${stream}: 2 …`])
  })

  const leaves: [string, (room: Room) => void, (room: Room) => void][] = [
    ['who was not wanted for a moment', (room) => room.steer(false, { exclude: ['alice'] }), (room) => room.steer(false)],
    ['who sent it in a pause', (room) => room.steer(true).seconds(0.1), (room) => room.seconds(0.1).steer(false)],
  ]
  test.each(leaves)(
    'of a subscription whose first key frame was not taken, of somebody %s, another is asked for',
    (_, out, back) => {
      const room = new Room().enters('alice').bound('alice', 3, 100).frame(3, 100, 'a1')
      out(room)
      room.bound('alice', 3, 200).frame(3, 200, 'key of 200')
      back(room)
      room.frame(3, 200, 'delta', 'video', false)
      expect(room.asked).toEqual([3])
      room.frame(3, 200, 'a2')
      expect(room.files.flatMap(({ frames }) => frames)).toEqual(['a1', 'a2'])
      expect(room.lost).toEqual([{ reason: 'NoKeyFrame', userId: 'alice', frames: 1 }])
    },
  )
})
