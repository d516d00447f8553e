import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startTapServer, type TapServer } from './server.ts'
import { BatchWriter, type TapRecord } from './wire.ts'

const files = { html: Buffer.from('<html>'), page: Buffer.from('page'), worker: Buffer.from('worker') }
let server: TapServer
afterEach(() => server.close())

async function start() {
  const records: TapRecord[] = []
  let changed = () => {}
  const errors: Error[] = []
  const closed = { count: 0 }
  server = await startTapServer(files, {
    onRecord(record) {
      records.push(record)
      changed()
    },
    onClosed() {
      closed.count += 1
      changed()
    },
    onError(error) {
      errors.push(error)
      changed()
    },
  })
  const until = async (condition: () => boolean) => {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        changed = resolve
      })
    }
  }
  return { records, errors, closed, until }
}

const connect = (path: string) =>
  new Promise<WebSocket>((resolve, reject) => {
    const socket = new WebSocket(server.url.replace('http', 'ws').replace(/\/$/, path))
    socket.once('open', () => resolve(socket))
    socket.once('error', reject)
  })

describe('tap server', () => {
  test('serves the page and nothing else', async () => {
    await start()
    expect(await (await fetch(server.url)).text()).toBe('<html>')
    expect(await (await fetch(`${server.url}worker.js`)).text()).toBe('worker')
    expect((await fetch(`${server.url}etc/passwd`)).status).toBe(404)
  })

  test('hands on what the page sends, and sends it commands', async () => {
    const { records, until } = await start()
    const page = await connect(server.socketPath)
    const command = new Promise((resolve) => page.once('message', (data) => resolve(JSON.parse(String(data)))))
    server.send({ type: 'leave' })
    expect(await command).toEqual({ type: 'leave' })
    const batch = new BatchWriter()
    batch.report({ type: 'ready' })
    page.send(batch.take())
    await until(() => records.length === 1)
    expect(records).toEqual([{ type: 'report', report: { type: 'ready' } }])
  })

  test('its address is good for one connection', async () => {
    await start()
    await connect(server.socketPath)
    await expect(connect(server.socketPath)).rejects.toThrow('403')
    await expect(connect('/tap/guess')).rejects.toThrow('403')
  })

  test('says when the page is gone', async () => {
    const { closed, until } = await start()
    const page = await connect(server.socketPath)
    page.terminate()
    await until(() => closed.count === 1)
  })

  test('ends a connection that sends nonsense', async () => {
    const { errors, closed, until } = await start()
    const page = await connect(server.socketPath)
    page.send(Buffer.from([7]))
    await until(() => closed.count === 1)
    expect(errors[0]?.message).toContain('Unknown record 7')
  })
})
