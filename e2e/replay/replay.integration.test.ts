import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { embedRecording } from '@trtc-recorder/api'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildTemplate } from '../../replay/template.ts'
import { iso, type Lesson, makeLesson } from './lesson.ts'
import { paellaServer } from './paella.ts'

let folder: string
let lesson: Lesson
let browser: Browser
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replay-'))
  lesson = await makeLesson(folder)
  browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', '--mute-audio', '--lang=en'],
  })
})
afterAll(async () => {
  await browser?.close()
  await rm(folder, { recursive: true })
})

const fromDisk = (hash = '') => pathToFileURL(join(lesson.folder, 'replay.html')).href + hash

/** Opens the page; anything it throws, and any word to somebody else than the files beside it, fails the test that looks. */
async function open(address: string): Promise<{ page: Page; findings: string[] }> {
  const page = await browser.newPage()
  const findings: string[] = []
  page.on('pageerror', (error) => findings.push((error as Error).message))
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL('.', address).href) && !request.url().startsWith('data:')) findings.push(request.url())
  })
  await page.goto(address)
  return { page, findings }
}

/** Seconds of the lesson that each file that plays is at, by the beginnings that the manifest gives; all of one moment. */
const places = (page: Page) =>
  page.evaluate(() => {
    const { manifest } = JSON.parse(document.getElementById('recording')!.textContent!)
    const begin = Date.parse(manifest.startTime)
    const elements = [...document.querySelectorAll<HTMLMediaElement>('.picture > *')].filter(
      ({ paused, seeking }) => !paused && !seeking,
    )
    return elements.map((element) => {
      const file = manifest.files.find(({ path }: { path: string }) =>
        new URL(element.src).pathname.endsWith(`/${path.split('/').at(-1)}`),
      )
      return { userId: String(file.userId), seconds: (Date.parse(file.startTime) - begin) / 1000 + element.currentTime }
    })
  })

/**
 * The most that two of those who play are apart, in milliseconds of the reader's clock, in nine of ten looks: a busy machine holds up a player
 * now and then, and its pace puts it right again.
 */
async function driftMs(page: Page, players: number, rate = 1, looks = 30): Promise<number> {
  await expect.poll(async () => (await places(page)).length).toBe(players)
  const spread = async () => {
    const seconds = (await places(page)).map((one) => one.seconds)
    return ((Math.max(...seconds) - Math.min(...seconds)) / rate) * 1000
  }
  // Players that have just begun are not yet where their pace takes them.
  let inARow = 0
  await expect
    .poll(
      async () => {
        inARow = (await spread()) < 40 ? inARow + 1 : 0
        return inARow
      },
      { interval: 50, timeout: 20_000 },
    )
    .toBeGreaterThanOrEqual(10)
  const seen: number[] = []
  for (let look = 0; look < looks; look++) {
    seen.push(await spread())
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 50)))
  }
  return seen.sort((a, b) => a - b)[Math.floor(looks * 0.9)]!
}

/** As somebody clicks who sees the page: when the button is there. */
const click = (page: Page, name: string) => page.locator(`[aria-label="${name}"]`).click()
const text = (page: Page, selector: string) => page.$eval(selector, (element) => element.textContent)

describe('the replay page, from disk', () => {
  it('plays everybody on one clock: within 40 ms after an hour and ten jumps, at any speed', async () => {
    const { page, findings } = await open(fromDisk('#t=3560'))
    await click(page, 'Play')
    expect(await driftMs(page, 3)).toBeLessThan(40)
    for (const second of [40, 3000, 900, 2500, 10, 1700, 3300, 60, 2000, 1200]) {
      await page.evaluate((hash) => {
        location.hash = hash
      }, `#t=${second}`)
    }
    expect(await driftMs(page, 4)).toBeLessThan(40)
    const [place] = await places(page)
    expect(place!.seconds).toBeGreaterThan(1200)
    expect(place!.seconds).toBeLessThan(1260)
    for (const speed of ['2', '0.5']) {
      await page.select('.controls select', speed)
      expect(await driftMs(page, 4, Number(speed))).toBeLessThan(40)
    }
    expect(findings).toEqual([])
    await page.close()
  })

  it('says which file is broken and which was never stored, and plays the others', async () => {
    const { page } = await open(fromDisk('#t=100'))
    await click(page, 'Play')
    await expect.poll(() => text(page, '[data-lane="dave/main"] .state')).toBe('cannot be played')
    expect(await text(page, '[data-lane="erin/main"] .state')).toBe('was not recorded')
    expect(await text(page, '.lanes')).toContain('writing to COS: the bucket is gone')
    await expect.poll(() => text(page, '.notice')).toContain('A file of dave cannot be played')
    await expect
      .poll(async () => (await places(page)).map(({ userId }) => userId).sort())
      .toEqual(['alice', 'alice', 'bob', 'carol'])
    await page.close()
  })

  it('shows who a link names, and follows the speaker when asked to', async () => {
    const { page } = await open(fromDisk('#t=65&u=carol'))
    const large = () => page.$eval('.tile.large', (tile) => tile.getAttribute('data-lane'))
    await expect.poll(large).toBe('carol/main')
    expect(await text(page, '.controls .time')).toBe('1:05 / 1:00:00')
    // Bob speaks from 60 s until 108 s, then carol.
    await page.keyboard.press('f')
    await expect.poll(large).toBe('bob/main')
    await page.evaluate(() => {
      location.hash = '#t=130'
    })
    await page.keyboard.press('f')
    await page.keyboard.press('f')
    await expect.poll(large).toBe('alice/aux')
    await page.keyboard.press('2')
    await page.close()
  })

  it('says of who is there and sends nothing that there is no picture, and when they have gone that they are not there', async () => {
    const { manifest } = lesson.replay
    const event = (second: number, what: 'enter' | 'leave') =>
      ({ time: iso(second), userId: 'quiet', stream: 'main', event: what }) as const
    const events = [...manifest.events, event(50, 'enter'), event(200, 'leave')]
    const replay = { ...lesson.replay, manifest: { ...manifest, events } }
    await writeFile(join(lesson.folder, 'quiet.html'), embedRecording(await buildTemplate(), replay))
    const { page } = await open(`${pathToFileURL(join(lesson.folder, 'quiet.html')).href}#t=100`)
    const state = () => text(page, '[data-lane="quiet/main"] .state')
    await expect.poll(state).toBe('no picture')
    await page.evaluate(() => {
      location.hash = '#t=300'
    })
    await expect.poll(state).toBe('not there')
    await page.close()
  })

  it('is driven by keys, and mutes one of them', async () => {
    const { page } = await open(fromDisk('#t=600&u=bob'))
    await page.keyboard.press('ArrowRight')
    expect(await text(page, '.controls .time')).toBe('10:05 / 1:00:00')
    await page.keyboard.press('j')
    expect(await text(page, '.controls .time')).toBe('9:55 / 1:00:00')
    await page.keyboard.press('m')
    const muted = await page.$$eval('.picture > *', (all) => all.map((one) => (one as HTMLMediaElement).muted))
    expect(muted.filter(Boolean)).toHaveLength(1)
    expect(await page.$eval('[data-lane="bob/main"] .mute', (button) => button.getAttribute('aria-label'))).toBe('Unmute bob')
    await page.close()
  })

  it('says when it was, who was there and what the colours mean, and fills the screen', async () => {
    const { page } = await open(fromDisk('#t=100'))
    await page.emulateTimezone('Europe/Berlin')
    await page.reload()
    expect(await text(page, '.when')).toBe('1 January 2026, 09:00:00–10:00:00 · 5 people')
    expect(await page.$$eval('.legend li', (all) => all.map((one) => one.textContent))).toEqual([
      ...['there', 'microphone', 'camera', 'screen', 'speaks', 'paused', 'was not recorded'],
    ])
    await click(page, 'Play')
    await expect.poll(() => text(page, '[data-lane="dave/main"] .state')).toBe('cannot be played')
    // Each trouble has words, also where the browser has none.
    await expect
      .poll(() => page.$$eval('.trouble:not(:empty)', (all) => all.map((one) => (one.textContent ?? '').length > 4)))
      .toEqual([true, true])
    await click(page, 'Full screen')
    const covers = () =>
      page.evaluate(() => {
        const { width, height } = document.querySelector('.tile.large')!.getBoundingClientRect()
        return document.fullscreenElement?.className === 'stage' && width > innerWidth / 2 && height > innerHeight * 0.9
      })
    await expect.poll(covers).toBe(true)
    await page.evaluate(() => document.exitFullscreen())
    await page.locator('.language').click()
    expect(await text(page, '.when')).toBe('2026年1月1日, 09:00:00–10:00:00 · 5 人')
    await page.close()
  })

  it('has names for everything and enough contrast, in English and Chinese, light and dark', async () => {
    const { page } = await open(fromDisk('#t=100'))
    await page.addScriptTag({ path: new URL(import.meta.resolve('axe-core/axe.min.js')).pathname })
    for (const scheme of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
      const found = await page.evaluate(async () => {
        const { violations } = await (
          globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }
        ).axe.run()
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
      })
      expect(found).toEqual([])
      await page.locator('.language').click()
    }
    // By keys as well: what was pressed keeps the focus.
    expect(await page.evaluate(() => document.activeElement?.className)).toBe('language')
    await page.keyboard.press('Enter')
    expect(await page.$eval('.play', (button) => button.getAttribute('aria-label'))).toBe('播放')
    expect(await page.$eval('html', (root) => root.lang)).toBe('zh-Hans')
    await page.close()
  })
})

describe('the replay page, from a bucket that asks for signatures', () => {
  let server: Server
  const asked: string[] = []
  let valid = 'first'
  const transcript = Promise.withResolvers<void>()
  beforeAll(async () => {
    // Stands for a bucket whose addresses are signed for a while: anything else is refused.
    server = createServer(async (request, response) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://localhost')
      const path = join(lesson.folder, pathname)
      if (pathname === '/replay.html') {
        const hook = `<script>resolveRecordingPath = async (path) => '/' + path.split('/').at(-1) + '?sign=' + (await (await fetch('/sign')).text())</script>`
        const busy = `<script>{
          const [give, refused] = [resolveRecordingPath, new Set()]
          resolveRecordingPath = async (path) => {
            if (refused.has(path)) return give(path)
            refused.add(path)
            throw new Error('too busy to sign')
          }
        }</script>`
        const scripts = hook + (searchParams.has('busy') ? busy : '')
        response.setHeader('content-type', 'text/html').end((await readFile(path, 'utf8')).replace('<main', `${scripts}<main`))
      } else if (pathname === '/sign') {
        response.end(valid)
      } else if (searchParams.get('sign') !== valid) {
        response.writeHead(403).end()
      } else {
        asked.push(pathname)
        if (pathname.endsWith('.vtt')) await transcript.promise
        const { size } = await stat(path)
        const [, start = '0', end = ''] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? []
        const last = end === '' ? size - 1 : Number(end)
        response.writeHead(206, {
          'content-type': 'video/mp4',
          'accept-ranges': 'bytes',
          'content-range': `bytes ${start}-${last}/${size}`,
        })
        createReadStream(path, { start: Number(start), end: last })
          .pipe(response)
          .on('error', () => undefined)
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  it('asks whoever serves it for each address, and again each time one has run out', async () => {
    const { page, findings } = await open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/replay.html#t=100`)
    await click(page, 'Play')
    await expect.poll(async () => (await places(page)).length).toBe(4)
    // What was said comes late, and takes nobody's focus.
    await page.focus('.controls select')
    transcript.resolve()
    await page.waitForSelector('.transcript')
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('SELECT')
    for (const [sign, from, players] of [
      ['second', 1700, 4],
      ['third', 2900, 3],
      ['fourth', 3400, 3],
    ] as const) {
      valid = sign
      // Out of what has been loaded, so that each is asked for anew.
      await page.evaluate((second) => {
        location.hash = `#t=${second}`
      }, from)
      await expect
        .poll(async () => (await places(page)).filter(({ seconds }) => seconds > from + 3).length, { timeout: 20_000 })
        .toBe(players)
    }
    expect(asked).toContain('/carol.mp4')
    // What lies beside the files is shown, too.
    await expect.poll(() => text(page, '.caption')).toBe('bob: That is all for today.')
    expect(await page.$eval('.transcript .bar', (bar) => bar.getAttribute('title'))).toBe('bob: That is all for today.')
    expect(findings).toEqual([])
    await page.close()
  })

  it('asks again where nobody could give an address, and as often as one has run out while nothing plays', async () => {
    valid = 'fifth'
    const { page } = await open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/replay.html?busy#t=100`)
    await page.setCacheEnabled(false)
    /** How many files show, or would let hear, this second. */
    const standing = (second: number) =>
      page.evaluate((second) => {
        const { manifest } = JSON.parse(document.getElementById('recording')!.textContent!)
        return [...document.querySelectorAll<HTMLMediaElement>('.picture > *')].filter(
          ({ src, readyState, seeking, currentTime }) => {
            const file = manifest.files.find(({ path }: { path: string }) => src.includes(`/${path.split('/').at(-1)}?`))
            if (file === undefined || seeking || readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return false
            const start = (Date.parse(file.startTime) - Date.parse(manifest.startTime)) / 1000
            return Math.abs(start + currentTime - second) < 0.1
          },
        ).length
      }, second)
    await expect.poll(() => standing(100), { timeout: 20_000 }).toBe(4)
    for (const [sign, second] of [
      ['sixth', 1500],
      ['seventh', 300],
      ['eighth', 1200],
    ] as const) {
      valid = sign
      await page.evaluate((second) => {
        location.hash = `#t=${second}`
      }, second)
      await expect.poll(() => standing(second), { timeout: 20_000 }).toBe(4)
    }
    await page.close()
  })
})

describe('the replay page, from a server that gives files as a whole only', () => {
  it('says that it cannot be gone to a place in them, and shows no other moment in its stead', async () => {
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url!, 'http://localhost')
      response.setHeader('content-type', pathname.endsWith('.html') ? 'text/html' : 'video/mp4')
      createReadStream(join(lesson.folder, pathname))
        .on('error', () => response.writeHead(404).end())
        .pipe(response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const { page } = await open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/replay.html#t=600`)
      await click(page, 'Play')
      await expect
        .poll(() => text(page, '.row:has(.who button) .trouble'), { timeout: 20_000 })
        .toBe('⚠ whoever serves it gives no parts of files (HTTP range requests)')
      await expect.poll(async () => (await places(page)).length).toBe(0)
      await page.close()
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})

describe('the folder for Paella Player', () => {
  it('opens in it as it is, and everything plays on one clock', async () => {
    const { server, id } = await paellaServer()
    try {
      const { page, findings } = await open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/?id=${id}`)
      await page.evaluate('opened')
      await page.evaluate('player.play()')
      const media = () =>
        page.evaluate(() =>
          [...document.querySelectorAll<HTMLMediaElement>('#player video')].map(
            ({ currentSrc, duration, currentTime, error, readyState }) => ({
              ...{
                name: currentSrc.split('/').at(-1),
                seconds: Math.round(duration),
                at: currentTime,
                isReady: readyState > 2 && error === null,
              },
            }),
          ),
        )
      await expect.poll(async () => (await media()).filter(({ at, isReady }) => isReady && at > 0.5).length).toBe(3)
      await page.evaluate('player.pause()')
      // To where the screen has just come: whoever was there before shows the same moment.
      await page.evaluate('player.videoContainer.setCurrentTime(5)')
      await expect.poll(async () => (await media()).filter(({ at, isReady }) => isReady && Math.abs(at - 5) < 0.1).length).toBe(3)
      expect((await media()).map(({ name, seconds }) => `${name} ${seconds}`).sort()).toEqual([
        ...['YWxpY2U.aux.mp4 9', 'YWxpY2U.main.mp4 9', 'sound.mp3 9'],
      ])
      expect(findings).toEqual([])
      await page.close()
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})
