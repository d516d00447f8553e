import { getEventListeners, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { connect } from './connection.ts'

test('a receiver that refuses again and again leaves nothing behind of its attempts', async () => {
  const server = createServer()
  server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { signal } = new AbortController()
  const policy = { allow: ['127.0.0.1'], deny: [], apiServer: [], allowPrivate: true }
  try {
    for (let n = 0; n < 3; n++) {
      const attempt = connect(`ws://127.0.0.1:${port}/voice?key=secret`, { policy, signal })
      await expect(attempt).rejects.toThrow('the receiver answered 503, not 101')
    }
    expect(getEventListeners(signal, 'abort')).toEqual([])
  } finally {
    server.close()
  }
})

const policy = { allow: ['127.0.0.1'], deny: [], apiServer: [], allowPrivate: true }

async function aReceiver(options: { autoPong: boolean }) {
  const server = new WebSocketServer({ ...options, host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  onTestFinished(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return { server, port: (server.address() as AddressInfo).port }
}

test('goes to the address that was judged, whatever the name stands for otherwise', async () => {
  const { server, port } = await aReceiver({ autoPong: true })
  const connected = once(server, 'connection')
  const resolve = async () => [{ address: '127.0.0.1', family: 4 as const }]
  const { signal } = new AbortController()
  const connection = await connect(`ws://asr.invalid:${port}/voice`, { policy, signal, resolve })
  const [, request] = await connected
  expect(request.headers.host).toBe(`asr.invalid:${port}`)
  await connection.close()
})

test.each([
  { autoPong: true, becomes: 'is asked again' },
  { autoPong: false, becomes: 'is taken for dead' },
])('a receiver is asked every 30 s whether it is there; with answers $autoPong it $becomes', async ({ autoPong }) => {
  const { server, port } = await aReceiver({ autoPong })
  const connected = once(server, 'connection') as Promise<[WebSocket]>
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const connection = await connect(`ws://127.0.0.1:${port}/voice`, { policy, signal: new AbortController().signal })
  const [socket] = await connected
  const asked = once(socket, 'ping')
  vi.advanceTimersByTime(30_000)
  expect(String((await asked)[0])).toBe('ping')
  if (!autoPong) {
    vi.advanceTimersByTime(30_000)
    expect(await connection.closed).toBe('the receiver did not answer a ping within 30 s')
    return
  }
  // The answer came before this, which was sent after it.
  const heard = once(socket, 'message')
  await connection.send(['{"muted":true}'])
  await heard
  socket.ping()
  await once(socket, 'pong')
  const askedAgain = once(socket, 'ping')
  vi.advanceTimersByTime(30_000)
  await askedAgain
  await connection.close()
})
