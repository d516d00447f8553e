import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Clock } from '../clock/clock.ts'
import type { RoomEvent } from './events.ts'
import type { PageCommand } from './protocol.ts'
import { openRoom, type Room, type RoomHandlers } from './room.ts'
import type { PageHandlers, RoomPage } from './room-page.ts'

/** Pages that say what a test tells them to. */
class Pages {
  readonly all: { handlers: PageHandlers; commands: PageCommand[]; discarded: boolean; left: boolean }[] = []
  get last() {
    return this.all.at(-1)!
  }

  readonly open = (_: unknown, handlers: PageHandlers): RoomPage => {
    const page = { handlers, commands: [] as PageCommand[], discarded: false, left: false }
    this.all.push(page)
    return {
      send: (command) => void page.commands.push(command),
      flush: async () => {},
      lastWord: async () => {},
      leave: async () => {
        page.left = true
      },
      discard: async () => {
        page.discarded = true
      },
    }
  }

  async enters(): Promise<void> {
    const { handlers, commands } = this.last
    handlers.onReady()
    await vi.waitFor(() => expect(commands).toContainEqual(expect.objectContaining({ type: 'enter' })))
    handlers.onEvent({ type: 'entered', timeMicros: 0 })
  }
}

let pages: Pages
let events: RoomEvent['type'][]
let room: Room
let isQuiet: boolean
let sigs: number
beforeEach(() => {
  pages = new Pages()
  events = []
  isQuiet = false
  sigs = 0
})
afterEach(() => room.close())

function open(more: Partial<RoomHandlers> = {}, clock = new Clock()): void {
  room = openRoom(
    {
      chromium: { path: '', args: [] },
      clock,
      enter: { type: 'enter', sdkAppId: 1, userId: 'recorder', roomId: 1 },
      userSig: async () => `sig ${++sigs}`,
      startTimeoutMillis: 60_000,
      openPage: pages.open,
    },
    {
      onEvent: ({ type }) => events.push(type),
      onFrame: () => {},
      onHole: () => {},
      onOverflow: () => {},
      onTapFailed: () => {},
      onWarning: () => {},
      isQuiet: () => isQuiet,
      ...more,
    },
  )
}

test('a page that fails is ended and replaced by one that enters with a UserSig of its own', async () => {
  open()
  await pages.enters()
  const [first] = pages.all
  first!.handlers.onFailed('Chromium ended')
  expect(first!.discarded).toBe(true)
  expect(pages.all).toHaveLength(2)
  first!.handlers.onEvent({ type: 'ended', reason: 'RoomLost', message: '', timeMicros: 0 })
  await pages.enters()
  expect(events).toEqual(['entered', 'away', 'entered'])
  expect(pages.last.commands).toContainEqual(expect.objectContaining({ type: 'enter', userSig: 'sig 2' }))
})

test('an error in what the recorder makes of an event is a defect, and not one of the page', async () => {
  const error = new TypeError('x is not a function')
  open({
    onEvent() {
      throw error
    },
  })
  await pages.enters()
  expect(await room.over).toEqual({ type: 'defect', error })
  expect(pages.all).toHaveLength(1)
  expect(pages.last.discarded).toBe(true)
})

test('a path through which nothing comes is looked at, and built anew', async () => {
  open()
  await pages.enters()
  isQuiet = true
  const { handlers, commands } = pages.last
  const looks = () => commands.filter(({ type }) => type === 'look').length
  for (let answered = 0; !commands.some(({ type }) => type === 'rebuildMedia'); ) {
    if (looks() > answered) {
      answered += 1
      handlers.onPath({ type: 'path', packets: 700, responses: 3 })
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  expect(events).toEqual(['entered', 'mediaRebuilt'])
})

test('who was sent out does not come back; closing ends Chromium', async () => {
  open()
  await pages.enters()
  pages.last.handlers.onEvent({ type: 'ended', reason: 'DuplicateUser', message: 'kick', timeMicros: 0 })
  expect(await room.over).toEqual({ type: 'sentOut', reason: 'DuplicateUser', message: 'kick' })
  pages.last.handlers.onFailed('Chromium ended')
  expect(pages.all).toHaveLength(1)
  await room.close()
  expect(pages.last).toMatchObject({ discarded: true, left: false })
})

test('closing leaves the room first', async () => {
  open()
  await pages.enters()
  await room.close()
  expect(pages.last).toMatchObject({ discarded: true, left: true })
  expect(await room.over).toEqual({ type: 'left' })
})

test('a key frame is asked for once a second at most of each sender, however often it is wanted', async () => {
  const clock = new Clock()
  let now = 10_000
  vi.spyOn(clock, 'now').mockImplementation(() => now)
  open({}, clock)
  await pages.enters()
  const asked = () => pages.last.commands.flatMap((command) => (command.type === 'requestKeyFrame' ? [command.slot] : []))
  for (; now < 12_000; now += 100) for (const slot of [3, 4]) room.requestKeyFrame(slot)
  expect(asked()).toEqual([3, 4, 3, 4])
})
