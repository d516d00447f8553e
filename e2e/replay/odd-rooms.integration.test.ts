import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { embedRecording, type ManifestFile, type Replay } from '@trtc-recorder/api'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildTemplate } from '../../replay/template.ts'
import { iso, makeLesson } from './lesson.ts'

/** What apps have for user ids: names, markup, emoji, a word without end, a word that means something to JavaScript. */
const oddNames = [
  '王老师',
  '<img src=x onerror="document.title=`broken`">',
  '</script><script>document.title=`broken`</script>',
  `"quoted" & 'single'`,
  '👩‍🏫',
  'x'.repeat(64),
  '__proto__',
  'مدرس',
]
const names = [...oddNames, ...Array.from({ length: 12 }, (_, n) => `pupil-${n + 1}`)]

let folder: string
let address: string
let browser: Browser
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odd-room-'))
  const lesson = await makeLesson(folder, 120)
  const { manifest } = lesson.replay
  const [camera] = manifest.files
  // In a folder and under a name that an address has to be made of.
  const place = 'lessons/math/'
  const path = `${place}a+b 100% #1? 王.mp4`
  await copyFile(join(lesson.folder, 'alice.mp4'), join(folder, path))
  const file = (userId: string, from: number, to: number): ManifestFile => ({
    ...{ ...camera!, userId, path, startTime: iso(from), endTime: iso(to), durationSeconds: to - from },
  })
  const missing = (userId: string): ManifestFile => ({
    ...file(userId, 0, 20),
    ...{ status: 0, url: '', message: `writing to COS: <b>refused</b> ${'y'.repeat(300)}` },
  })
  const files = [
    ...names.slice(0, 3).map((userId) => file(userId, 0, 20)),
    // Of no length.
    { ...file(names[3]!, 5, 5) },
    ...names.slice(4).map(missing),
    { ...file(names[0]!, 0, 20), stream: 'aux' as const },
  ]
  const replay: Replay = {
    ...lesson.replay,
    folder: place,
    manifest: { ...manifest, endTime: iso(20), files, events: [], pauses: [] },
    speech: names.map((userId, at) => ({ userId, start: Date.parse(iso(at)), end: Date.parse(iso(at + 1)) })),
  }
  await writeFile(join(folder, place, 'odd.html'), embedRecording(await buildTemplate(), replay))
  address = pathToFileURL(join(folder, place, 'odd.html')).href
  browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', '--mute-audio', '--lang=en'],
  })
})
afterAll(async () => {
  await browser?.close()
  await rm(folder, { recursive: true })
})

async function open(hash: string, onPhone = false): Promise<Page> {
  const page = await browser.newPage()
  if (onPhone) await page.setViewport({ width: 360, height: 640, isMobile: true, hasTouch: true, deviceScaleFactor: 2 })
  await page.goto(address + hash)
  return page
}

const isPlaying = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLMediaElement>('.picture > *')].some(
      ({ paused, currentTime }) => !paused && currentTime > 0.2,
    ),
  )

describe('the replay page of a room that is not as most are', () => {
  it('has every name as it is, whatever it looks like', async () => {
    const page = await open(`#t=1&u=${encodeURIComponent('王老师')}`)
    expect(await page.$$eval('.tile footer b', (all) => all.map((one) => one.textContent))).toEqual(
      names.flatMap((name) => (name === '王老师' ? [name, '王老师, screen'] : [name])),
    )
    expect(await page.$eval('.tile.large', (tile) => tile.getAttribute('aria-label'))).toBe('王老师')
    expect(await page.title()).toBe('math')
    expect(await page.$$('main img, main b b, main script')).toEqual([])
    await page.locator('[aria-label="Play"]').click()
    await expect.poll(() => isPlaying(page)).toBe(true)
    // The one of no length holds nobody up.
    await page.evaluate(() => {
      location.hash = '#t=5'
    })
    const second = () => page.$eval('.slider', (slider) => Number((slider as HTMLInputElement).value))
    await expect.poll(second).toBeGreaterThan(6)
    await page.close()
  })

  it('has links to a screen as to a camera, and shows what it may not copy', async () => {
    const page = await browser.newPage()
    // As of a page that came without TLS.
    await page.evaluateOnNewDocument(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }))
    await page.goto(`${address}#t=2`)
    await page.locator('[data-lane="王老师/aux"] .show').click()
    await page.locator('[aria-label="Copy link to this moment"]').click()
    const link = `${address}#t=2&u=${encodeURIComponent('王老师')}&s=aux`
    const notice = () => page.$eval('.notice', ({ textContent }) => textContent)
    await expect.poll(notice).toBe(link)
    for (const key of ['i', 'ArrowRight', 'o'] as const) await page.keyboard.press(key)
    await expect.poll(notice).toBe(`${iso(2)}/${iso(7)}`)
    await page.close()
    const there = await open(link.slice(address.length))
    await expect.poll(() => there.$eval('.tile.large', (tile) => tile.getAttribute('aria-label'))).toBe('王老师, screen')
    await there.close()
  })

  it('fits on a phone, with everything large enough to be hit, in English and Chinese', async () => {
    const page = await open('#t=1', true)
    await page.addScriptTag({ path: new URL(import.meta.resolve('axe-core/axe.min.js')).pathname })
    for (const language of ['en', 'zh-Hans']) {
      expect(await page.$eval('html', ({ lang }) => lang)).toBe(language)
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
      const small = await page.$$eval('button, select, input', (all) =>
        all.flatMap((one) => {
          const { width, height, left, right } = one.getBoundingClientRect()
          if (width === 0) return []
          // The small ones lie in a row that a finger moves.
          const isMoved = one.closest('.stage.many .tile:not(.large)') !== null
          const isCut = one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).textOverflow !== 'ellipsis'
          return width < 24 || height < 44 || (!isMoved && (left < 0 || right > innerWidth + 0.5 || isCut))
            ? [`${one.className || one.textContent} ${Math.round(width)}x${Math.round(height)} at ${Math.round(left)}`]
            : []
        }),
      )
      expect(small).toEqual([])
      const rows = () =>
        page.$$eval('.controls > :not(.notice)', (all) => new Set(all.map((one) => one.getBoundingClientRect().top)).size)
      expect(await rows()).toBeLessThanOrEqual(2)
      // The time of day is longer.
      await page.locator('.controls .time').click()
      expect(await rows()).toBeLessThanOrEqual(2)
      await page.locator('.controls .time').click()
      const found = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as {
          axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
        }
        return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
      })
      expect(found).toEqual([])
      await page.locator('.language').click()
    }
    // However many tiles there are, what plays them is on the screen.
    const play = await page.$eval('.play', (button) => button.getBoundingClientRect().bottom)
    expect(play).toBeLessThanOrEqual(640)
    // Names are not cut for a slider that nobody sees.
    const roomFor = await page.$eval('[data-lane="pupil-2/main"] footer b', (name) => name.clientWidth)
    expect(roomFor).toBeGreaterThan(30)
    // A finger shows somebody large, and plays.
    await page.locator('[data-lane="pupil-2/main"] .show').click()
    await expect.poll(() => page.$eval('.tile.large', (tile) => tile.getAttribute('aria-label'))).toBe('pupil-2')
    await page.locator('.play').click()
    await expect.poll(() => isPlaying(page)).toBe(true)
    await page.close()
  })

  it('is used by keys alone: each thing is come to, is seen to be, and does what it is for', async () => {
    const page = await open('#t=1')
    const things = await page.$$eval('button:enabled, select, input', (all) => all.length)
    const reached = new Set<string>()
    const goTo = async (selector: string) => {
      for (let presses = 0; presses <= things + 1; presses++) {
        await page.keyboard.press('Tab')
        const { is, what, isSeen } = await page.evaluate((selector) => {
          const one = document.activeElement!
          const { outlineStyle, opacity } = getComputedStyle(one)
          const all = [...document.querySelectorAll('button:enabled, select, input')]
          return { is: one.matches(selector), what: all.indexOf(one), isSeen: outlineStyle !== 'none' && opacity !== '0' }
        }, selector)
        if (what === -1) continue
        reached.add(String(what))
        expect(isSeen).toBe(true)
        if (is) return
      }
      throw new Error(`${selector} is not come to`)
    }
    await goTo('[data-lane="王老师/main"] .mute')
    await page.keyboard.press('Space')
    expect(await page.evaluate(() => document.activeElement!.getAttribute('aria-label'))).toBe('Unmute 王老师')
    expect(await isPlaying(page)).toBe(false)
    await goTo('[data-lane="pupil-12/main"] .show')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.$eval('.tile.large', (tile) => tile.getAttribute('aria-label'))).toBe('pupil-12')
    await goTo('.play')
    await page.keyboard.press('Enter')
    await expect.poll(() => isPlaying(page)).toBe(true)
    await page.keyboard.press('Space')
    await expect.poll(() => isPlaying(page)).toBe(false)
    await goTo('.slider')
    await page.keyboard.press('Home')
    await expect.poll(() => page.$eval('.controls .time', ({ textContent }) => textContent)).toBe('0:00 / 0:20')
    await goTo('[data-lane="王老师/main"] .show')
    expect(reached.size).toBe(things)
    await page.close()
  })
})
