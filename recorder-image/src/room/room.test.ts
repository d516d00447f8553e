import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Clock } from '../clock/clock.ts'
import type { RoomEvent } from './events.ts'
import type { PageCommand } from './protocol.ts'
import { openRoom, type Room, type RoomHandlers } from './room.ts'
import type { BegunPage, PageHandlers } from './room-page.ts'

const aPage = () => ({
  handlers: undefined as unknown as PageHandlers,
  commands: [] as PageCommand[],
  answers: true,
  discarded: false,
  left: false,
})

/** Pages that say what a test tells them to. */
class Pages {
  readonly all: ReturnType<typeof aPage>[] = []
  get last() {
    return this.all.at(-1)!
  }

  readonly begin = (): BegunPage => {
    const page = aPage()
    this.all.push(page)
    const discard = async () => {
      page.discarded = true
    }
    return {
      take: (handlers) => {
        page.handlers = handlers
        return {
          heardAt: 0,
          send: (command) => void page.commands.push(command),
          flush: async () => true,
          lastWord: async () => page.answers,
          leave: async () => {
            page.left = true
          },
          discard,
        }
      },
      discard: async () => {
        if (page.handlers === undefined) await discard()
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

function open(more: Partial<RoomHandlers> = {}, clock = new Clock(), firstPage?: BegunPage): void {
  room = openRoom(
    {
      chromium: { path: '', args: [] },
      clock,
      firstPage,
      enter: { type: 'enter', sdkAppId: 1, userId: 'recorder', roomId: 1 },
      userSig: async () => `sig ${++sigs}`,
      startTimeoutMillis: 60_000,
      beginPage: pages.begin,
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

test('the next page starts while it is in doubt whether this one lives, and is ended where it does', async () => {
  const clock = new Clock()
  let now = 10_000
  vi.spyOn(clock, 'now').mockImplementation(() => now)
  open({}, clock)
  await pages.enters()
  const [first] = pages.all
  first!.handlers.onDoubt(true)
  expect(pages.all).toHaveLength(2)
  first!.handlers.onDoubt(false)
  expect(pages.last.discarded).toBe(true)
  // On a machine that has too much to do already.
  now += 10_000
  first!.handlers.onDoubt(true)
  expect(pages.all).toHaveLength(2)
  now += 20_000
  first!.handlers.onDoubt(true)
  expect(pages.all).toHaveLength(3)
  first!.handlers.onFailed('The page has not answered for 2.5 s')
  expect(pages.all).toHaveLength(3)
  expect(first!.discarded).toBe(true)
  await pages.enters()
  expect(events).toEqual(['entered', 'away', 'entered'])
  expect(pages.last.discarded).toBe(false)
})

test('the first page may have been begun before', async () => {
  open({}, new Clock(), pages.begin())
  await pages.enters()
  expect(pages.all).toHaveLength(1)
})

test('a page that started in vain is ended with the room', async () => {
  open()
  await pages.enters()
  pages.last.handlers.onDoubt(true)
  await room.close()
  expect(pages.last.discarded).toBe(true)
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

test('what a page does not give away when the recording stops was missed', async () => {
  open()
  await pages.enters()
  await room.lastWord()
  expect(events).toEqual(['entered'])
  pages.last.answers = false
  await room.lastWord()
  expect(events).toEqual(['entered', 'away'])
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
