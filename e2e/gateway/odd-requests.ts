/**
 * What a hostile or careless caller sends, as bytes on a connection of its own, and what is to be answered: the status, and a word that must be in the
 * answer. None of them starts a recording unless it says `started`.
 */
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'

export interface Who {
  token: string
  key: { secretId: string; secretKey: string }
  body(over?: object): object
  task(over?: object): object
}

export interface OddRequest {
  what: string
  bytes: string | Buffer
  status: number
  says: string
  started?: true
}

export interface Answer {
  status: number
  head: string
  body: string
}

/** Sends bytes and reads until the other side closes. */
export async function exchange(port: number, bytes: string | Buffer): Promise<Answer> {
  const socket = connect(port, '127.0.0.1')
  const read: Buffer[] = []
  socket.on('data', (chunk: Buffer) => read.push(chunk)).on('error', () => {})
  socket.write(bytes)
  await once(socket, 'close')
  const text = Buffer.concat(read).toString('utf8')
  const at = text.indexOf('\r\n\r\n')
  const head = at < 0 ? text : text.slice(0, at)
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: at < 0 ? '' : text.slice(at + 4) }
}

interface Http {
  method?: string
  path?: string
  version?: string
  headers?: Record<string, string>
  /** Sent as they are, after the others. */
  more?: string[]
  body?: string | Buffer
}

function http({ method = 'POST', path = '/', version = '1.1', headers = {}, more = [], body = '' }: Http): Buffer {
  const content = Buffer.from(body)
  const all = { host: 'gateway.test', connection: 'close', 'content-length': String(content.length), ...headers }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === '' ? [] : [`${name}: ${value}`]))
  return Buffer.concat([Buffer.from(`${[`${method} ${path} HTTP/${version}`, ...lines, ...more].join('\r\n')}\r\n\r\n`), content])
}

export function oddRequests({ token, key, body, task }: Who, now: Date): OddRequest[] {
  const json = { 'content-type': 'application/json' }
  const known = { ...json, authorization: `Bearer ${token}` }
  const start = (content: string | Buffer, over: Http = {}) =>
    http({ ...over, headers: { ...known, ...over.headers }, body: content })
  const whole = JSON.stringify(body())
  const withField = (name: string, written: string) => whole.replace(/\}$/, `,${JSON.stringify(name)}:${written}}`)
  const template = (what: string, content: string | Buffer, status: number, says: string): OddRequest => ({
    what: `template: ${what}`,
    bytes: start(content),
    status,
    says,
  })

  const hash = (text: string) => createHash('sha256').update(text).digest('hex')
  const hmac = (secret: string | Buffer, text: string) => createHmac('sha256', secret).update(text).digest()
  interface Call extends Http {
    action?: string
    version3?: string
    at?: number
    date?: string
    algorithm?: string
    signed?: string[]
    secretKey?: string
    secretId?: string
    signedBody?: string
  }
  const call = (content: string, options: Call = {}) => {
    const {
      action = 'DescribeCloudRecording',
      version3 = '2019-07-22',
      at = Math.floor(now.getTime() / 1000),
      algorithm = 'TC3-HMAC-SHA256',
    } = options
    const {
      signed = ['content-type', 'host'],
      secretKey = key.secretKey,
      secretId = key.secretId,
      signedBody = content,
      path = '/',
    } = options
    const date = options.date ?? new Date(at * 1000).toISOString().slice(0, 10)
    const sent: Record<string, string> = { ...json, host: 'gateway.test', ...options.headers }
    const [pathname = '', query = ''] = path.split('?')
    const canonical = [
      'POST',
      pathname,
      query,
      ...signed.map((name) => `${name}:${sent[name] ?? ''}`),
      '',
      signed.join(';'),
      hash(signedBody),
    ].join('\n')
    const scope = `${date}/trtc/tc3_request`
    const text = ['TC3-HMAC-SHA256', String(at), scope, hash(canonical)].join('\n')
    const signature = hmac(hmac(hmac(hmac(`TC3${secretKey}`, date), 'trtc'), 'tc3_request'), text).toString('hex')
    const authorization = `${algorithm} Credential=${secretId}/${scope}, SignedHeaders=${signed.join(';')}, Signature=${signature}`
    const headers = {
      ...sent,
      'x-tc-action': action,
      'x-tc-version': version3,
      'x-tc-timestamp': String(at),
      'x-tc-region': 'ap-guangzhou',
      authorization,
      ...options.headers,
    }
    return http({ ...options, headers, body: content })
  }
  const tc3 = (what: string, says: string, content: string, options: Call = {}): OddRequest => ({
    what: `TRTC: ${what}`,
    bytes: call(content, options),
    status: 200,
    says,
  })
  const seconds = Math.floor(now.getTime() / 1000)
  const create = (over: object) => JSON.stringify(task(over))
  const describe = JSON.stringify({ SdkAppId: (task() as { SdkAppId: number }).SdkAppId, TaskId: 'nothing' })

  return [
    template('a field twice', withField('UserId', '"robot"'), 400, 'UserId'),
    template('a field of CosConfig twice', whole.replace('"Region"', '"Bucket":"others-1250000000","Region"'), 400, 'Bucket'),
    template('a field twice, once by its code', whole.replace('"Mode"', '"\\u004dode":"00","Mode"'), 400, 'Mode'),
    template('__proto__', withField('__proto__', '{"Callback":"http://x"}'), 400, '__proto__'),
    template('__proto__ in CosConfig', whole.replace('"Region"', '"__proto__":{"Region":"x"},"Region"'), 400, '__proto__'),
    template('constructor', withField('constructor', '{}'), 400, 'constructor'),
    template('null', 'null', 400, 'body'),
    template('a list', `[${whole}]`, 400, 'body'),
    template('a text', JSON.stringify(whole), 400, 'body'),
    template('nothing', '', 400, 'body'),
    template('two bodies', whole + whole, 400, 'body'),
    template('a byte order mark', `\ufeff${whole}`, 400, 'body'),
    template('UTF-16', Buffer.from(whole, 'utf16le'), 400, 'body'),
    template('bytes that are no UTF-8', Buffer.concat([Buffer.from(whole.slice(0, -1)), Buffer.from([0xff, 0x7d])]), 400, 'body'),
    template('lists in lists', `${'['.repeat(60_000)}${']'.repeat(60_000)}`, 400, 'body'),
    template('a comment', `/* */${whole}`, 400, 'body'),
    template('SdkAppId as text', JSON.stringify(body({ SdkAppId: '1400000001' })), 400, 'SdkAppId'),
    template('SdkAppId beyond all numbers', whole.replace(/"SdkAppId":\d+/, '"SdkAppId":1e400'), 400, 'SdkAppId'),
    template('SdkAppId of no application', JSON.stringify(body({ SdkAppId: -1 })), 403, 'SdkAppId'),
    template('SdkAppId of somebody else', JSON.stringify(body({ SdkAppId: 1400000002 })), 403, 'SdkAppId'),
    template('RoomId beyond exact numbers', JSON.stringify(body({ RoomId: 2 ** 53 })), 400, 'RoomId'),
    template('RoomId with a fraction', JSON.stringify(body({ RoomId: 1.5 })), 400, 'RoomId'),
    template('RoomId below nothing', JSON.stringify(body({ RoomId: -1 })), 400, 'RoomId'),
    template('RoomId of nothing', JSON.stringify(body({ RoomId: 0 })), 400, 'RoomId'),
    template('RoomId as a list', JSON.stringify(body({ RoomId: [43474] })), 400, 'RoomId'),
    template('half a character as StrRoomId', JSON.stringify(body({ RoomId: undefined, StrRoomId: '\ud800' })), 400, 'StrRoomId'),
    template('StrRoomId of 65', JSON.stringify(body({ RoomId: undefined, StrRoomId: 'a'.repeat(65) })), 400, 'StrRoomId'),
    template('UserId in other letters', JSON.stringify(body({ UserId: 'rоbot' })), 400, 'UserId'),
    template('UserId with an end of line', JSON.stringify(body({ UserId: 'robot\n' })), 400, 'UserId'),
    template('half a character as UserSig', JSON.stringify(body({ UserSig: 'x\udfff' })), 400, 'UserSig'),
    template('half a character as key', whole.replace('"cos-key"', '"\\ud800"'), 400, 'CosConfig.SecretKey'),
    template(
      'half a character as Path',
      JSON.stringify(body({ CosConfig: { ...(body() as { CosConfig: object }).CosConfig, Path: '/\ud800' } })),
      400,
      'CosConfig.Path',
    ),
    template(
      'a Path upwards',
      JSON.stringify(body({ CosConfig: { ...(body() as { CosConfig: object }).CosConfig, Path: '/../x' } })),
      400,
      'CosConfig.Path',
    ),
    template(
      'a Bucket that is a host',
      JSON.stringify(body({ CosConfig: { ...(body() as { CosConfig: object }).CosConfig, Bucket: 'evil.test/x-1250000000' } })),
      400,
      'CosConfig.Bucket',
    ),
    template(
      'a Region that is a host',
      JSON.stringify(body({ CosConfig: { ...(body() as { CosConfig: object }).CosConfig, Region: 'x.evil.test/' } })),
      400,
      'CosConfig.Region',
    ),
    template('a Callback to a file', JSON.stringify(body({ Callback: 'file:///etc/passwd' })), 400, 'Callback'),
    template('a Callback that hides its host', JSON.stringify(body({ Callback: 'http://a b@evil.test/' })), 400, 'Callback'),
    template('Mode as a number', JSON.stringify(body({ Mode: 2 })), 400, 'Mode'),
    template('Mode of the mixing template', JSON.stringify(body({ Mode: '12' })), 400, 'Mode'),
    {
      what: 'template: a key that is no text',
      bytes: start(whole, { headers: { 'idempotency-key': 'é' } }),
      status: 400,
      says: 'Idempotency-Key',
    },
    {
      what: 'template: a key of 256',
      bytes: start(whole, { headers: { 'idempotency-key': 'k'.repeat(256) } }),
      status: 400,
      says: 'Idempotency-Key',
    },
    {
      what: 'template: two keys',
      bytes: start(whole, { more: ['Idempotency-Key: a', 'Idempotency-Key: b'] }),
      status: 400,
      says: 'Idempotency-Key',
    },
    { what: 'template: nobody', bytes: http({ headers: json, body: whole }), status: 401, says: 'credentials' },
    {
      what: 'template: two callers',
      bytes: http({
        headers: { ...json },
        more: ['Authorization: Bearer nobody', `Authorization: Bearer ${token}`],
        body: whole,
      }),
      status: 401,
      says: 'credentials',
    },
    {
      what: 'template: gzip',
      bytes: start(whole, { headers: { 'content-encoding': 'gzip' } }),
      status: 400,
      says: 'Content-Encoding',
    },
    {
      what: 'template: a form',
      bytes: start('SdkAppId=1', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
      status: 400,
      says: 'body',
    },
    { what: 'template: too long', bytes: start(`${whole}${' '.repeat(200_000)}`), status: 413, says: '128 KB' },
    {
      what: 'HTTP/1.0 without a host',
      bytes: http({ version: '1.0', headers: { ...known, host: '' }, body: JSON.stringify(body({ RoomId: 77_001 })) }),
      status: 200,
      says: 'submitted',
      started: true,
    },
    {
      what: 'in chunks',
      bytes: http({
        headers: { ...known, 'content-length': '', 'transfer-encoding': 'chunked' },
        body: inChunks(JSON.stringify(body({ RoomId: 77_002 }))),
      }),
      status: 200,
      says: 'submitted',
      started: true,
    },
    {
      what: 'in chunks that are none',
      bytes: http({ headers: { ...known, 'content-length': '', 'transfer-encoding': 'chunked' }, body: 'zz\r\n{}\r\n0\r\n\r\n' }),
      status: 400,
      says: 'InvalidRequest',
    },
    {
      what: 'in chunks and with a length',
      bytes: start(whole, { headers: { 'transfer-encoding': 'chunked' } }),
      status: 400,
      says: 'InvalidRequest',
    },
    {
      what: 'a path with a slash in it',
      bytes: http({ method: 'GET', path: '/v1/requests/a%2F..%2Fb', headers: known }),
      status: 404,
      says: 'no such request',
    },
    {
      what: 'a path that is no text',
      bytes: http({ method: 'GET', path: '/v1/requests/%ff', headers: known }),
      status: 400,
      says: 'InvalidRequest',
    },
    {
      what: 'a path upwards',
      bytes: http({ method: 'GET', path: '/v1/requests/%2e%2e', headers: known }),
      status: 404,
      says: '',
    },
    {
      what: 'a slash of a path as code',
      bytes: http({ path: '/v1%2Frequests', headers: known, body: whole }),
      status: 404,
      says: 'no such path',
    },
    {
      what: 'a path in capitals',
      bytes: http({ path: '/V1/requests', headers: known, body: whole }),
      status: 404,
      says: 'no such path',
    },
    {
      what: 'a list of 1e2',
      bytes: http({ method: 'GET', path: '/v1/requests?limit=1e2', headers: known }),
      status: 400,
      says: 'limit',
    },
    {
      what: 'a list of 0x10',
      bytes: http({ method: 'GET', path: '/v1/requests?limit=0x10', headers: known }),
      status: 400,
      says: 'limit',
    },
    {
      what: 'a list from nowhere',
      bytes: http({ method: 'GET', path: '/v1/requests?offset=', headers: known }),
      status: 400,
      says: 'offset',
    },
    {
      what: 'a list of two lengths',
      bytes: http({ method: 'GET', path: '/v1/requests?limit=1&limit=2', headers: known }),
      status: 400,
      says: 'limit',
    },
    {
      what: 'a list of all namespaces',
      bytes: http({ method: 'GET', path: '/v1/requests?namespace=kube-system', headers: known }),
      status: 400,
      says: 'namespace',
    },
    {
      what: 'a method that is none',
      bytes: http({ method: 'PUT', path: '/v1/requests/x', headers: known, body: whole }),
      status: 404,
      says: 'no such path',
    },
    { what: 'TRACE', bytes: http({ method: 'TRACE', headers: known }), status: 404, says: '' },

    tc3('signed 301 seconds ago', 'AuthFailure.SignatureExpire', describe, { at: seconds - 310 }),
    tc3('signed ahead', 'AuthFailure.SignatureExpire', describe, { at: seconds + 330 }),
    tc3('another date', 'AuthFailure.InvalidAuthorization', describe, { date: '2020-01-01' }),
    tc3('another algorithm', 'AuthFailure.InvalidAuthorization', describe, { algorithm: 'TC3-HMAC-SM3' }),
    tc3('version 1', 'AuthFailure.InvalidAuthorization', describe, { algorithm: 'HmacSHA1' }),
    tc3('the host not signed', 'AuthFailure.InvalidAuthorization', describe, { signed: ['content-type'] }),
    tc3('a body changed on the way', 'AuthFailure.SignatureFailure', describe, { signedBody: '{}' }),
    tc3('a key that is not known', 'AuthFailure.SecretIdNotFound', describe, { secretId: 'AKIDnobody' }),
    tc3('a wrong key', 'AuthFailure.SignatureFailure', describe, { secretKey: 'x' }),
    tc3('a timestamp that is none', 'AuthFailure.InvalidAuthorization', describe, { headers: { 'x-tc-timestamp': '1e9' } }),
    tc3('a version that is none', 'NoSuchVersion', describe, { version3: '2099-01-01' }),
    tc3('an action that is none', 'InvalidAction', describe, { action: 'RemoveUser' }),
    tc3('an action of all objects', 'InvalidAction', describe, { action: '__proto__' }),
    tc3('a field twice', 'InvalidParameter', create({}).replace(/\}$/, ',"UserId":"other"}'), { action: 'CreateCloudRecording' }),
    tc3('__proto__', 'UnknownParameter', create({}).replace(/\}$/, ',"__proto__":{}}'), { action: 'CreateCloudRecording' }),
    tc3('half a character as UserSig', 'InvalidParameter', create({ UserSig: 'x\ud800' }), { action: 'CreateCloudRecording' }),
    tc3('RoomId as a number', 'InvalidParameter', create({ RoomId: 43474 }), { action: 'CreateCloudRecording' }),
    tc3('RoomIdType of 2', 'InvalidParameter', create({ RoomIdType: 2 }), { action: 'CreateCloudRecording' }),
    tc3('an application of somebody else', 'AuthFailure.UnauthorizedOperation', create({ SdkAppId: 1400000002 }), {
      action: 'CreateCloudRecording',
    }),
    tc3('a list', 'InvalidParameter', `[${create({})}]`, { action: 'CreateCloudRecording' }),
    tc3(
      'TaskId of another namespace',
      'ResourceNotFound',
      JSON.stringify({ ...JSON.parse(describe), TaskId: '../../kube-system/x' }),
    ),
    tc3('TaskId as a list', 'InvalidParameter', JSON.stringify({ ...JSON.parse(describe), TaskId: ['x'] })),
  ]
}

const inChunks = (text: string) => {
  const bytes = Buffer.from(text)
  const [one, other] = [bytes.subarray(0, 10), bytes.subarray(10)]
  return `${one.length.toString(16)}\r\n${one}\r\n${other.length.toString(16)};x=y\r\n${other}\r\n0\r\n\r\n`
}
