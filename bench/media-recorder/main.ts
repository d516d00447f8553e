/**
 * Runs the baseline as one process tree, like a recorder. Takes {enter, proxy, type, chromiumArgs, directory} as JSON on stdin; writes a JSON line when
 * all is there but its browser, and one for each user whose MediaRecorder runs, and its chunks to a file of the directory. SIGTERM ends it.
 */
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { WebSocketServer } from 'ws'
import { findChromium, launchChromium } from '../../recorder-image/src/room/chromium.ts'
import { extraSwitches } from '../../recorder-image/src/room/chromium-switches.ts'

const { enter, proxy, type, chromiumArgs, directory } = JSON.parse(await text(process.stdin))
const bundle = await build({
  entryPoints: [fileURLToPath(new URL('./page.ts', import.meta.url))],
  bundle: true,
  write: false,
  format: 'iife',
  logLevel: 'error',
})
const server = createServer((request, response) => {
  const isScript = request.url === '/page.js'
  response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
  response.end(isScript ? bundle.outputFiles[0]!.contents : '<!doctype html><script src="/page.js"></script>')
})
new WebSocketServer({ server }).on('connection', (socket) =>
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) appendFileSync(join(directory, `${data[0]}.webm`), data.subarray(1))
    else console.log(data.toString())
  }),
)
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as { port: number }
console.log(JSON.stringify({ launching: true }))
const chromium = await launchChromium(findChromium(process.env), extraSwitches(chromiumArgs))
process.once('SIGTERM', async () => {
  await chromium.kill()
  process.exit(0)
})
await chromium.open(`http://127.0.0.1:${port}/`, {
  function: 'startBaseline',
  argument: JSON.stringify({ socket: '/', enter, proxy, type }),
})
