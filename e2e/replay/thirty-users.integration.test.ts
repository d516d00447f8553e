import { createReadStream } from 'node:fs'
import { link, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embedRecording, type Replay } from '@trtc-recorder/api'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildTemplate } from '../../replay/template.ts'
import { iso, makeLesson } from './lesson.ts'

const users = Array.from({ length: 30 }, (_, n) => `user-${n}`)
let folder: string
let server: Server
let browser: Browser
let address: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thirty-'))
  const lesson = await makeLesson(folder)
  const { manifest } = lesson.replay
  const [camera] = manifest.files
  for (const name of users) await link(join(lesson.folder, 'alice.mp4'), join(lesson.folder, `${name}.mp4`))
  const files = users.map((userId, n) => ({
    ...{ ...camera!, userId, path: `lessons/math/${userId}.mp4` },
    ...{ startTime: iso(n * 0.37), endTime: iso(n * 0.37 + 3600) },
  }))
  // One after the other, a minute each.
  const speech = Array.from({ length: 60 }, (_, n) => ({
    ...{ userId: users[n % 30]!, start: Date.parse(iso(n * 60)), end: Date.parse(iso(n * 60 + 55)) },
  }))
  const replay: Replay = {
    ...lesson.replay,
    manifest: { ...manifest, files, endTime: iso(3620), events: [], pauses: [] },
    speech,
  }
  await writeFile(join(lesson.folder, 'thirty.html'), embedRecording(await buildTemplate(), replay))
  // HTTP/1.1, of which a browser opens six connections.
  server = createServer(async (request, response) => {
    const path = join(lesson.folder, new URL(request.url!, 'http://localhost').pathname)
    if (path.endsWith('.html')) {
      response.setHeader('content-type', 'text/html').end(await readFile(path))
      return
    }
    const found = await stat(path).catch(() => undefined)
    if (found === undefined) {
      response.writeHead(404).end()
      return
    }
    const [, start = '0', end = ''] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? []
    const last = end === '' ? found.size - 1 : Number(end)
    const range = { 'accept-ranges': 'bytes', 'content-range': `bytes ${start}-${last}/${found.size}` }
    response.writeHead(206, { 'content-type': 'video/mp4', 'content-length': last - Number(start) + 1, ...range })
    createReadStream(path, { start: Number(start), end: last })
      .pipe(response)
      .on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/thirty.html`
  browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', '--mute-audio', '--lang=en'],
  })
})
afterAll(async () => {
  await browser?.close()
  server?.closeAllConnections()
  server?.close()
  await rm(folder, { recursive: true })
})

/** Whose media are loaded, and where each that plays is, in seconds of the recording. */
const look = (page: Page) =>
  page.evaluate(() => {
    const { manifest } = JSON.parse(document.getElementById('recording')!.textContent!)
    const begin = Date.parse(manifest.startTime)
    const loaded = [...document.querySelectorAll<HTMLMediaElement>('.picture > *')].filter(({ src }) => src !== '')
    const playing = loaded
      .filter(({ paused, seeking, readyState }) => !paused && !seeking && readyState > 2)
      .map((element) => {
        const name = new URL(element.src).pathname.split('/').at(-1)!
        const file = manifest.files.find(({ path }: { path: string }) => path.endsWith(`/${name}`))
        return { userId: String(file.userId), seconds: (Date.parse(file.startTime) - begin) / 1000 + element.currentTime }
      })
    return { loaded: loaded.length, playing }
  })

it('an hour of thirty from a host that speaks HTTP/1.1 plays on: those who matter, on one clock, wherever it is sent', async () => {
  const page = await browser.newPage()
  const began = performance.now()
  await page.goto(`${address}#t=1500`)
  await page.locator('[aria-label="Play"]').click()
  let mostLoaded = 0
  for (const [second, speaker] of [
    [1500, 25],
    [3000, 20],
    [90, 1],
  ] as const) {
    await page.evaluate((hash) => {
      location.hash = hash
    }, `#t=${second}`)
    await expect
      .poll(
        async () => {
          const { loaded, playing } = await look(page)
          mostLoaded = Math.max(mostLoaded, loaded)
          return playing.filter(({ seconds }) => seconds > second + 3 && seconds < second + 60).length
        },
        { timeout: 30_000 },
      )
      .toBe(5)
    if (second === 1500) expect(performance.now() - began).toBeLessThan(30_000)
    expect((await look(page)).playing.map(({ userId }) => userId)).toContain(`user-${speaker}`)
    const spreads: number[] = []
    for (let looks = 0; looks < 20; looks++) {
      const seconds = (await look(page)).playing.map(({ seconds }) => seconds)
      spreads.push((Math.max(...seconds) - Math.min(...seconds)) * 1000)
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 50)))
    }
    expect(spreads.sort((a, b) => a - b)[17]).toBeLessThan(40)
  }
  expect(mostLoaded).toBeLessThanOrEqual(5)
  await page.close()
})
