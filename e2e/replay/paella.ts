import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { makeClip } from '../../recorder-image/src/media/testing/clip.ts'
import { send } from '../../recorder-image/src/media/testing/sender.ts'
import { recorded } from '../../recorder-image/src/outputs/testing.ts'
import { aJob } from '../../recorder-image/src/recorder/testing.ts'

const player = (path: string) => readFile(new URL(import.meta.resolve(`paella-core/${path}`)))

const page = `<!doctype html><meta charset="utf-8"><div id="player" style="width: 640px; height: 360px"></div>
<script src="/dist/paella-core.js"></script>
<script>
  const { Paella } = globalThis['paella-core']
  globalThis.player = new Paella('player', { configUrl: '/config/config.json', repositoryUrl: '/lessons' })
  globalThis.opened = player.loadManifest()
</script>`

/**
 * A lesson that the recorder made for Paella Player, a camera that comes at 2 s and a screen that comes at 4 s, and the player with the configuration that it comes
 * with, from one server. `id`: which video the player is to open.
 */
export async function paellaServer(): Promise<{ server: Server; id: string }> {
  const clip = await makeClip({ seconds: 6, fps: 10 })
  const sent = (to: number, atSeconds: number, kinds?: ['video']) =>
    send({ clip, from: 0, to, atSeconds, ...(kinds === undefined ? {} : { kinds }) })
  const { make, store } = await recorded(
    aJob({ outputs: { paella: true } }),
    [
      { userId: 'alice', mode: '02', frames: sent(6, 1) },
      { userId: 'alice', stream: 'aux', mode: '02', frames: sent(4, 3, ['video']) },
    ],
    9,
  )
  await make()
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost')
    if (pathname === '/') return response.setHeader('content-type', 'text/html').end(page)
    const key = pathname.slice(1)
    const body = key.startsWith('lessons/') ? store.bodies.get(key) : await player(key).catch(() => undefined)
    if (body === undefined) return response.writeHead(404).end()
    const [, start = '0', end = ''] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? []
    const last = end === '' ? body.length - 1 : Number(end)
    response.writeHead(request.headers.range === undefined ? 200 : 206, {
      'accept-ranges': 'bytes',
      'content-type': typeOf(pathname),
      ...(request.headers.range === undefined ? {} : { 'content-range': `bytes ${start}-${last}/${body.length}` }),
    })
    return response.end(body.subarray(Number(start), last + 1))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, id: 'maths.paella' }
}

const types: Record<string, string> = {
  mp4: 'video/mp4',
  mp3: 'audio/mpeg',
  svg: 'image/svg+xml',
  js: 'text/javascript',
  json: 'application/json',
}
const typeOf = (path: string) => types[path.split('.').at(-1)!] ?? 'application/octet-stream'
