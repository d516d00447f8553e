/** A Chromium whose pages hold the unmodified SDK: for real publishers, and for tests of the room. */
import { accessSync, constants } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import { type Browser, launch, type Page } from 'puppeteer-core'
import type { CameraFiles } from './clip-store.ts'

const switches = [
  '--no-sandbox',
  '--disable-gpu',
  '--mute-audio',
  '--autoplay-policy=no-user-gesture-required',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--disable-features=Translate,MediaRouter,WebRtcHideLocalIpsWithMdns',
  '--disable-dev-shm-usage',
]
const places = ['/usr/bin/chromium-headless-shell', '/usr/lib/chromium/chromium-headless-shell', '/usr/bin/chromium']

export class SdkChromium {
  readonly #browser: Browser
  readonly #server: Server

  private constructor(browser: Browser, server: Server) {
    this.#browser = browser
    this.#server = server
  }

  /**
   * @param spki of the room server's certificate, the only one that is trusted without more ado; none for Tencent's cloud
   * @param camera what camera and microphone see and hear; Chromium's own test picture where it is not given
   */
  static async launch(spki?: string, camera?: CameraFiles): Promise<SdkChromium> {
    const server = await servePage(await sdkBundle())
    try {
      const browser = await launch({
        executablePath: findChromium(),
        headless: 'shell',
        args: [...switches, ...cameraSwitches(camera), ...(spki ? [`--ignore-certificate-errors-spki-list=${spki}`] : [])],
      })
      return new SdkChromium(browser, server)
    } catch (error) {
      server.close()
      throw error
    }
  }

  /** A page with the SDK's module in `globalThis.trtc`, in a secure context: there are a camera and a microphone. */
  async open(): Promise<Page> {
    const page = await this.#browser.newPage()
    await page.goto(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`)
    return page
  }

  async close(): Promise<void> {
    await this.#browser.close()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

const cameraSwitches = (camera: CameraFiles | undefined) =>
  camera === undefined
    ? []
    : [`--use-file-for-fake-video-capture=${camera.video}`, `--use-file-for-fake-audio-capture=${camera.audio}`]

async function sdkBundle(): Promise<string> {
  const contents = `import * as trtc from 'trtc-cloud-js-sdk'; globalThis.trtc = trtc`
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: 'iife',
    logLevel: 'error',
  })
  return outputFiles[0]!.text
}

async function servePage(script: string): Promise<Server> {
  const server = createServer((request, response) => {
    const isScript = request.url === '/sdk.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? script : '<!doctype html><meta charset="utf-8"><body><script src="/sdk.js"></script>')
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  return server
}

function findChromium(): string {
  const candidates = process.env.TRTC_RECORDER_CHROMIUM ? [process.env.TRTC_RECORDER_CHROMIUM] : places
  for (const path of candidates)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {}
  throw new Error(`No Chromium found at ${candidates.join(', ')}; set TRTC_RECORDER_CHROMIUM to its path`)
}
