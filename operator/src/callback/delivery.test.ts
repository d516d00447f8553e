import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fenceOf, LeadershipInDoubt } from '../kube/fenced-client.ts'
import { connectTo } from './connection.ts'
import { concealed, type Delivery, type DeliveryResult, deliver, inFull, sign } from './delivery.ts'

let server: Server
let address: string
let received: { url: string; headers: IncomingMessage['headers']; body: string }[]
let answer: (response: ServerResponse) => void

beforeEach(async () => {
  received = []
  answer = (response) => response.writeHead(200).end()
  server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    received.push({ url: request.url ?? '', headers: request.headers, body })
    answer(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** What the name of a receiver stands for, where this is said of addresses. */
const at = (address: string, over: Partial<Delivery['policy']>): Partial<Delivery> => ({
  resolve: async () => [{ address, family: 4 }],
  policy: { ...policy, allow: [], ...over },
})

/** The receivers of these tests are on this machine. */
const policy = { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: true }
const body = { SdkAppId: '1400000001', RoomId: '43474', UserId: 'recorder', StrRoomId: '', Files: [] }
const send = (more: Partial<Delivery> = {}) =>
  deliver({
    url: `${address}/hook?token=top`,
    id: 'uid/result',
    body,
    timeoutMillis: 2000,
    signal: new AbortController().signal,
    policy,
    ...more,
  })

describe('deliver', () => {
  it('posts the result as JSON with its id, and a signature over the very bytes', async () => {
    const signingKey = Buffer.from([0, 255, 1, 254])
    expect(await send({ signingKey })).toEqual({ outcome: 'delivered', statusCode: 200 })
    const [request] = received
    expect(request?.url).toBe('/hook?token=top')
    expect(request?.headers).toMatchObject({ 'content-type': 'application/json', 'idempotency-key': 'uid/result' })
    expect(JSON.parse(request?.body ?? '')).toEqual(body)
    expect(request?.headers.sign).toBe(
      createHmac('sha256', signingKey)
        .update(request?.body ?? '')
        .digest('base64'),
    )
  })

  it('has no signature when no key is named', async () => {
    await send()
    expect(received[0]?.headers).not.toHaveProperty('sign')
  })

  it('signs as TRTC documents it', () => {
    // HMAC-SHA256("key", "The quick brown fox …"), the well-known example.
    expect(sign(Buffer.from('key'), 'The quick brown fox jumps over the lazy dog')).toBe(
      '97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg=',
    )
  })

  it('sends credentials of the URL as such', async () => {
    await send({ url: `${address.replace('://', '://us%3Aer:pa%2Fss@')}/hook` })
    expect(received[0]?.headers.authorization).toBe(`Basic ${Buffer.from('us:er:pa/ss').toString('base64')}`)
  })

  it.each(['http://example.com:99999/x', 'http://us%er@host/', 'http://us%ff:x@host/', 'http://', 'hook'])(
    'counts %s, which nobody can call, as a try that came to nothing',
    async (url) => {
      const message = 'spec.callback.url is no address that can be called'
      expect(await send({ url })).toEqual({ outcome: 'unusable', message })
    },
  )

  it.each([201, 204, 299])('takes %i for delivered', async (code) => {
    answer = (response) => response.writeHead(code).end()
    expect(await send()).toEqual({ outcome: 'delivered', statusCode: code })
  })

  it.each([400, 401, 404, 500, 503])('takes %i for refused', async (code) => {
    answer = (response) => response.writeHead(code).end('top secret page')
    expect(await send()).toEqual({ outcome: 'refused', statusCode: code, message: `${address} answered ${code}` })
  })

  it('does not follow a redirect', async () => {
    answer = (response) => response.writeHead(307, { location: `${address}/elsewhere` }).end()
    expect(await send()).toMatchObject({
      outcome: 'refused',
      statusCode: 307,
      message: `${address} answered 307; redirects are not followed`,
    })
    expect(received).toHaveLength(1)
  })

  it('gives up on a receiver that does not answer in time', async () => {
    answer = () => {}
    expect(await send({ timeoutMillis: 50 })).toEqual({
      outcome: 'unreachable',
      message: `${address} did not answer within 0.05 s`,
    })
  })

  it('is content with the head of an answer, however long or slow the rest', async () => {
    answer = (response) => {
      response.writeHead(200)
      response.write('x'.repeat(200_000))
    }
    expect(await send()).toEqual({ outcome: 'delivered', statusCode: 200 })
  })

  it('says that nobody is there, without the path and query', async () => {
    const result = await send({ url: 'http://127.0.0.1:1/hook?token=top' })
    expect(result).toMatchObject({ outcome: 'unreachable' })
    expect(JSON.stringify(result)).toContain('http://127.0.0.1:1 could not be reached: ECONNREFUSED')
    expect(JSON.stringify(result)).not.toContain('top')
  })

  it('takes a connection that breaks for unreachable', async () => {
    answer = (response) => response.socket?.resetAndDestroy()
    expect(await send()).toMatchObject({ outcome: 'unreachable' })
  })

  describe('where whoever sends it may not go on', () => {
    const why = new Error('the namespace is another one’s')
    let stop: AbortController
    beforeEach(() => {
      stop = new AbortController()
    })

    it.each<[string, number, DeliveryResult['outcome']]>([
      ['takes it', 204, 'delivered'],
      ['refuses it', 503, 'refused'],
    ])('counts what a receiver says that has it already, and %s', async (_, code, outcome) => {
      answer = (response) => {
        stop.abort(why)
        setImmediate(() => response.writeHead(code).end())
      }
      expect(await send({ signal: stop.signal })).toMatchObject({ outcome, statusCode: code })
      expect(received).toHaveLength(1)
    })

    it('counts that nothing was said in time', async () => {
      answer = () => stop.abort(why)
      expect(await send({ signal: stop.signal, timeoutMillis: 50 })).toEqual({
        outcome: 'unreachable',
        message: `${address} did not answer within 0.05 s`,
      })
    })

    it('throws, and so counts for nothing, before it is sent', async () => {
      stop.abort(why)
      await expect(send({ signal: stop.signal })).rejects.toBe(why)
      const connect = async () => expect.unreachable('it is asked for a connection')
      await expect(send({ signal: stop.signal, proxy: () => connect })).rejects.toBe(why)
      expect(received).toEqual([])
    })

    it('throws while its name is looked up, or the connection is made', async () => {
      const resolve = async () => {
        stop.abort(why)
        return [{ address: '127.0.0.1', family: 4 }]
      }
      const url = `${address.replace('127.0.0.1', 'slow.example')}/hook`
      await expect(send({ signal: stop.signal, url, resolve })).rejects.toBe(why)
      expect(received).toEqual([])
    })
  })

  it('makes a connection of its own each time', async () => {
    const ports = new Set<number | undefined>()
    answer = (response) => {
      ports.add(response.socket?.remotePort)
      response.end()
    }
    for (let n = 0; n < 3; n += 1) await send()
    expect(ports.size).toBe(3)
  })

  it('sends nothing where another operator may lead by the time that the connection stands, and counts for nothing', async () => {
    let connections = 0
    server.on('connection', () => {
      connections += 1
    })
    const fence = fenceOf(() => connections === 0)
    await expect(send({ fence })).rejects.toThrow(LeadershipInDoubt)
    expect(received).toEqual([])
    expect(await send({ fence: fenceOf(() => true) })).toMatchObject({ outcome: 'delivered' })
  })

  it('sends nothing through a proxy where another operator may lead', async () => {
    let connections = 0
    server.on('connection', () => {
      connections += 1
    })
    const connect = connectTo([{ address: '127.0.0.1', family: 4 }])
    await expect(send({ fence: fenceOf(() => connections === 0), proxy: () => connect })).rejects.toThrow(LeadershipInDoubt)
    expect(received).toEqual([])
  })

  it('does not call what may not be called, and says so', async () => {
    const nowhere = { ...policy, allow: [] }
    const message = `${address} is not called: 127.0.0.1 is a loopback address, which may not be called`
    expect(await send({ policy: nowhere })).toEqual({ outcome: 'unusable', message })
    expect(received).toEqual([])
  })

  it('goes to the address that was judged, however often the name changes its mind', async () => {
    const answers = ['127.0.0.1', '169.254.169.254']
    const resolve = async () => [{ address: answers.shift() ?? '', family: 4 }]
    expect(await send({ url: `${address.replace('127.0.0.1', 'rebind.example')}/hook`, resolve })).toMatchObject({
      outcome: 'delivered',
    })
    expect(answers).toEqual(['169.254.169.254'])
    expect(received[0]?.headers.host).toContain('rebind.example')
  })

  it('tells nothing of a private address but whether it took the result, in words or in time', async () => {
    const conceal = async (result: DeliveryResult) => {
      const began = performance.now()
      const told = await concealed(Promise.resolve(result), {
        ...{ receiver: 'http://10.0.0.7', isName: false, timeoutMillis: 150 },
        timeout: AbortSignal.timeout(150),
      })
      return { told, millis: performance.now() - began }
    }
    const nobody = await conceal({ outcome: 'unreachable', message: 'ECONNREFUSED' })
    const somebody = await conceal({ outcome: 'refused', statusCode: 404, message: 'answered 404' })
    const bare = ({ unsaid: _, ...told }: DeliveryResult & { unsaid?: string }) => told
    expect(bare(somebody.told)).toEqual(bare(nobody.told))
    expect(Math.min(somebody.millis, nobody.millis)).toBeGreaterThanOrEqual(140)
    const delivered = { outcome: 'delivered' as const, statusCode: 204 }
    expect((await conceal(delivered)).told).toEqual(delivered)
  })

  it.each<[string, Partial<Delivery>, string]>([
    ['is not known', { resolve: async () => [] }, 'could not be reached: its name is not known'],
    ['takes too long to look up', { resolve: () => new Promise(() => {}) }, 'could not be reached: its name is not known'],
    ['is that of a private address', at('10.255.255.1', {}), 'http://db.payments.svc:5432'],
    ['is that of an address on the deny-list', at('10.0.0.7', { deny: ['10.0.0.0/8'] }), 'an address on the deny-list'],
    ['is that of a private address where none may be called', at('10.0.0.7', { allowPrivate: false }), 'a private address'],
    ['is that of the API server', at('10.96.0.1', { apiServer: ['10.96.0.1'] }), 'is the API server'],
    ['is that of this very machine', at('127.0.0.1', {}), 'a loopback address'],
    ['is that of a metadata service', at('169.254.169.254', {}), 'a link-local address'],
  ])('does not tell a name that %s from any other, in words or in time; the log does', async (_, over, logged) => {
    const began = performance.now()
    const url = 'http://db.payments.svc:5432/hook?token=top'
    const result = await send({ url, policy: { ...policy, allow: [] }, timeoutMillis: 150, ...over })
    if (result.outcome === 'delivered') throw new Error('it was delivered')
    expect(result.outcome).toBe('unreachable')
    expect(result.message).toBe(
      'http://db.payments.svc:5432 did not answer with 2xx within 0.15 s: it stands for a private address, or for one that may not be called, or its name is not known; the operator’s log says which',
    )
    expect(performance.now() - began).toBeGreaterThanOrEqual(140)
    expect(inFull(result)).toContain(logged)
    expect(inFull(result)).not.toContain('top')
  })
})
