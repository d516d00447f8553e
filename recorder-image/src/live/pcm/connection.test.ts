import { getEventListeners, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
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
