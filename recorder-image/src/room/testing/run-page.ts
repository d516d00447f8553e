import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { findChromium, launchChromium } from '../chromium.ts'

export interface TestPage {
  html: string
  /** Called when the page is there. It posts what it found as JSON to `/`. */
  call: { function: string; argument: string }
  /** Answers whatever else the page asks for. */
  serve: RequestListener
}

/** Runs a page in Chromium, from a server of its own, and resolves with what it posts. Rejects when Chromium ends before that. */
export async function runPage<Found>({ html, call, serve }: TestPage): Promise<Found> {
  const found = Promise.withResolvers<Found>()
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      text(request).then((body) => {
        response.end()
        found.resolve(JSON.parse(body))
      }, found.reject)
    } else if (request.url === '/') response.setHeader('content-type', 'text/html').end(html)
    else serve(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const chromium = await launchChromium(findChromium(process.env), [])
  try {
    await chromium.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, call)
    return await Promise.race([
      found.promise,
      chromium.gone.then((reason) => {
        throw new Error(reason)
      }),
    ])
  } finally {
    await chromium.kill()
    server.closeAllConnections()
    server.close()
  }
}
