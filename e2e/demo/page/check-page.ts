import { pathToFileURL } from 'node:url'
import type { Manifest } from '@trtc-recorder/api'
import puppeteer, { type Page } from 'puppeteer-core'

/**
 * Opens the demo's page from disk in a real browser and compares it with the manifests: every lane where the manifest says, drawn
 * to scale; every file playing, and a click on its bar playing it from there; no word to any server. Returns what is wrong.
 */
export async function checkPage(indexPath: string, manifests: Record<string, Manifest>): Promise<string[]> {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', '--mute-audio'],
  })
  try {
    const page = await browser.newPage()
    await page.setViewport({ width: 1280, height: 900 })
    const findings: string[] = []
    page.on('pageerror', (error) => findings.push(`the page's script failed: ${(error as Error).message}`))
    page.on('request', (request) => {
      // Chromium draws the players' buttons with data: addresses of its own.
      if (!/^(file|data):/.test(request.url())) findings.push(`the page asks for ${request.url()}, which is not on disk`)
    })
    await page.goto(pathToFileURL(indexPath).href, { waitUntil: 'load' })
    const drawn = await readPage(page)
    for (const [recording, manifest] of Object.entries(manifests)) {
      findings.push(
        ...compareLanes(
          recording,
          manifest,
          drawn.filter((each) => each.recording === recording),
        ),
      )
    }
    findings.push(
      ...(await playEverything(
        page,
        Object.entries(manifests).flatMap(([recording, { files }]) => files.map(({ path }) => ({ recording, path }))),
      )),
    )
    return findings
  } finally {
    await browser.close()
  }
}

/** Something the page draws on a track, with what it claims to be and where it really is. */
interface Drawn {
  recording: string
  user: string
  stream: string
  kind: string
  state: string
  path: string
  start: number
  end: number
  /** Where its edges are on the page's common clock, by its pixels. */
  drawnStart: number
  drawnEnd: number
  /** How much time one pixel is. */
  pixelMillis: number
}

function readPage(page: Page): Promise<Drawn[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.timeline [data-start]')].map((element) => {
      const timeline = element.closest<HTMLElement>('.timeline')!
      const clockStart = Date.parse(timeline.dataset.clockStart!)
      const clockMillis = Date.parse(timeline.dataset.clockEnd!) - clockStart
      const track = element.closest('.track')!.getBoundingClientRect()
      const box = element.getBoundingClientRect()
      const { recording = '', user = '', stream = '', kind = '', state = '', path = '', start = '', end = '' } = element.dataset
      const timeAt = (x: number) => clockStart + ((x - track.left) / track.width) * clockMillis
      return {
        ...{ recording, user, stream, kind, state, path },
        start: Date.parse(start),
        end: Date.parse(end),
        drawnStart: timeAt(box.left),
        drawnEnd: timeAt(box.right),
        pixelMillis: clockMillis / track.width,
      }
    }),
  )
}

/** Reads the manifest on its own, not with the code that drew the page. */
function compareLanes(recording: string, manifest: Manifest, drawn: readonly Drawn[]): string[] {
  const findings: string[] = []
  const iso = (time: number) => new Date(time).toISOString()
  const describe = (each: Drawn) =>
    `${recording}: ${each.user} ${each.kind} ${each.state}${each.path} from ${iso(each.start)} to ${iso(each.end)}`
  for (const each of drawn) {
    const off = Math.max(Math.abs(each.drawnStart - each.start), Math.abs(each.drawnEnd - each.end))
    // A bar is never drawn narrower than 3 pixels, so that it can be seen.
    if (off > 4 * each.pixelMillis) findings.push(`${describe(each)} is drawn ${Math.round(off)} ms off`)
  }
  for (const file of manifest.files) {
    const bars = drawn.filter((each) => each.kind === 'file' && each.path === file.path)
    const right = bars.filter(
      (bar) =>
        bar.user === file.userId &&
        bar.stream === file.stream &&
        bar.start === Date.parse(file.startTime) &&
        bar.end === Date.parse(file.endTime),
    )
    if (bars.length !== 1 || right.length !== 1)
      findings.push(
        `${recording}: file ${file.path} of ${file.userId} is drawn ${bars.length} times, ${right.length} times right`,
      )
  }
  const strangers = drawn.filter((each) => each.kind === 'file' && !manifest.files.some((file) => file.path === each.path))
  findings.push(...strangers.map((each) => `${describe(each)} is not in the manifest`))
  const kinds = {
    videoOn: ['camera', 'screen'],
    videoOff: ['camera', 'screen'],
    audioOn: ['microphone'],
    audioOff: ['microphone'],
  } as const
  for (const event of manifest.events) {
    const time = Date.parse(event.time)
    const own = drawn.filter((each) => each.user === event.userId)
    const has = (kinds: readonly string[], state: string, edge: 'start' | 'end') =>
      own.some((each) => kinds.includes(each.kind) && each.state === state && each[edge] === time)
    const missing = (what: string) =>
      findings.push(`${recording}: ${event.event} of ${event.userId} at ${event.time}: no ${what} there`)
    switch (event.event) {
      case 'enter':
        if (!has(['presence'], 'there', 'start')) missing('presence begins')
        break
      case 'leave':
        if (!has(['presence'], 'there', 'end')) missing('presence ends')
        break
      case 'videoOn':
      case 'audioOn':
      case 'videoOff':
      case 'audioOff': {
        const kind = kinds[event.event].filter((each) => own.some((other) => other.kind === each))
        const state = event.event.endsWith('On') ? 'on' : 'off'
        // Off and gone at once leaves no stretch of off.
        const gone = state === 'off' && has(kind, 'on', 'end')
        if (kind.length > 0 && !has(kind, state, 'start') && !gone) missing(`${kind.join(' or ')} ${state} begins`)
        break
      }
      case 'gap':
        if (!own.some((each) => each.kind === 'gap' && each.start === time)) missing('gap begins')
        break
      default:
    }
  }
  return findings
}

/** Plays each file for a moment, then clicks the middle of its bar. */
async function playEverything(page: Page, files: readonly { recording: string; path: string }[]): Promise<string[]> {
  const findings: string[] = []
  for (const { recording, path } of files) {
    const found = await page.evaluate(
      async ({ recording, path }) => {
        const of = (element: string) => `${element}[data-recording="${CSS.escape(recording)}"][data-path="${CSS.escape(path)}"]`
        const player = document.querySelector<HTMLMediaElement>(`${of('video')}, ${of('audio')}`)
        const bar = document.querySelector<HTMLElement>(of('button'))
        if (player === null || bar === null) return 'has no player or no bar'
        const until = (condition: () => boolean, seconds: number) =>
          new Promise<boolean>((resolve) => {
            const end = performance.now() + seconds * 1000
            const look = () => (condition() ? resolve(true) : performance.now() > end ? resolve(false) : setTimeout(look, 20))
            look()
          })
        const failed = () => player.error !== null
        const reason = () =>
          `error ${player.error?.code ?? 'none'} ${player.error?.message ?? ''}, ready state ${player.readyState}, at ${player.currentTime} s`
        player.play().catch(() => {})
        if (!(await until(() => failed() || player.currentTime > 0.25, 10)) || failed()) return `does not play: ${reason()}`
        if (player instanceof HTMLVideoElement && player.videoWidth === 0) return 'plays without a picture'
        player.pause()
        bar.scrollIntoView({ block: 'center' })
        const box = bar.getBoundingClientRect()
        bar.dispatchEvent(
          new MouseEvent('click', { bubbles: true, detail: 1, clientX: box.left + box.width / 2, clientY: box.top + 5 }),
        )
        const middle = player.duration / 2
        const jumped = await until(
          () => failed() || (!player.paused && player.currentTime > middle + 0.1 && player.currentTime < middle + 2),
          10,
        )
        player.pause()
        return jumped && !failed() ? undefined : `does not play from the middle of its bar: ${reason()}`
      },
      { recording, path },
    )
    if (found !== undefined) findings.push(`${recording}: ${path} ${found}`)
  }
  return findings
}
