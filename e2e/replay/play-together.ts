import { pathToFileURL } from 'node:url'
import puppeteer from 'puppeteer-core'

/** Who is heard or seen at one moment when a replay page is opened from disk and played from a second on; user ids in order. Rejects if nobody is within ten seconds. */
export async function playTogether(path: string, fromSecond = 5): Promise<string[]> {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', '--mute-audio', '--lang=en'],
  })
  try {
    const page = await browser.newPage()
    await page.goto(`${pathToFileURL(path).href}#t=${fromSecond}`)
    await page.locator('[aria-label="Play"]').click()
    const playing = await page.waitForFunction(
      () => {
        const tiles = [...document.querySelectorAll<HTMLElement>('.tile')]
        const moving = (media: HTMLMediaElement) => !media.hidden && !media.paused && media.currentTime > 0.2
        const playing = tiles.filter((tile) => [...tile.querySelectorAll<HTMLMediaElement>('.picture > *')].some(moving))
        const present = tiles.filter((tile) => tile.dataset.state !== 'away')
        return playing.length > 0 && playing.length === present.length && playing.map((tile) => tile.dataset.lane!.split('/')[0]!)
      },
      { timeout: 10_000 },
    )
    return ((await playing.jsonValue()) as string[]).sort()
  } finally {
    await browser.close()
  }
}
