import { leastSpec } from './refusals.ts'

type Fields = Record<string, unknown>

/** What may be written in several ways, with some that mean the same and some that do not, of a field that is frozen. */
export interface SameAndOther {
  what: string
  field: string
  over: Fields
  same: Fields[]
  other: Fields[]
}

const { cos } = leastSpec
const inCos = (over: object) => ({ cos: { ...cos, ...over } })
const callback = (url: string, over: object = {}) => ({ callback: { url, ...over } })
const tolerations = (...tolerations: object[]) => ({ tolerations })
const ofTaint = (over: object) => tolerations({ key: 'pool', value: 'media', effect: 'NoSchedule', ...over })
const pcm = (over: object = {}) => ({ live: { pcm: { url: 'wss://Speech.Example/{userId}', ...over } } })
const hls = (over: object) => ({ live: { hls: over } })
const turnServer = { url: 'turn.example:3478', username: 'U', credentialSecretRef: { name: 'turn' } }
const proxy = (networkProxy: object) => ({ networkProxy })

/** Of a Recording, over `leastSpec`. */
export const sameAndOther: SameAndOther[] = [
  {
    what: 'a quantity',
    field: 'resources',
    over: { resources: { limits: { cpu: '1', memory: '1Gi' } } },
    same: [
      { resources: { limits: { cpu: '1000m', memory: '1024Mi' } } },
      { resources: { limits: { memory: '1073741824', cpu: '1.0' }, requests: {} } },
    ],
    other: [
      { resources: { limits: { cpu: '1', memory: '1G' } } },
      { resources: { limits: { memory: '1Gi' } } },
      { resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1' } } },
      // The chart's then.
      { resources: undefined },
    ],
  },
  {
    what: 'a size',
    field: 'storage',
    over: { storage: { size: '1024Mi' } },
    same: [{ storage: { size: '1Gi' } }, { storage: { size: '1Gi', retention: 'DeleteWhenStored' } }],
    other: [
      { storage: { size: '1G' } },
      { storage: { size: '1Gi', storageClassName: 'fast' } },
      { storage: {} },
      { storage: undefined },
    ],
  },
  {
    what: 'a folder',
    field: 'cos',
    over: inCos({ path: '/lessons/math' }),
    same: [inCos({ path: 'lessons/math' }), inCos({ path: 'lessons/math/' }), inCos({ path: '/lessons/math/' })],
    other: [inCos({ path: '/lessons' }), inCos({ path: '/lessons/Math' }), inCos({ path: '/' }), inCos({})],
  },
  {
    what: 'the root of a bucket',
    field: 'cos',
    over: {},
    same: [inCos({ path: '/' }), inCos({ path: '' }), inCos({ tags: {}, metadata: {} })],
    other: [inCos({ path: 'a' }), inCos({ tags: { class: 'math' } }), inCos({ endpoint: 'https://cos.example' })],
  },
  {
    what: 'a domain of COS',
    field: 'cos',
    over: inCos({ endpoint: 'https://cos.example', tags: { a: '1', b: '2' } }),
    same: [
      inCos({ endpoint: 'https://COS.example:443', tags: { b: '2', a: '1' } }),
      inCos({ endpoint: 'https://cos.example', metadata: {}, tags: { a: '1', b: '2' } }),
    ],
    other: [
      inCos({ endpoint: 'http://cos.example', tags: { a: '1', b: '2' } }),
      inCos({ endpoint: 'https://cos.example:444', tags: { a: '1', b: '2' } }),
      inCos({ endpoint: 'https://cos.example', tags: { a: '2', b: '1' } }),
      inCos({ endpoint: 'https://cos.example' }),
    ],
  },
  {
    what: 'an address',
    field: 'callback',
    over: callback('https://School.example/done?a=B'),
    same: [
      callback('https://school.example/done?a=B'),
      callback('https://school.example:443/done?a=B'),
      callback('https://school.example/done?a=B', { outputs: false, events: false, format: 'Result' }),
    ],
    other: [
      callback('http://school.example/done?a=B'),
      callback('https://school.example:8443/done?a=B'),
      callback('https://school.example/Done?a=B'),
      callback('https://school.example/done/?a=B'),
      callback('https://school.example/done?a=b'),
      callback('https://school.example.org/done?a=B'),
      callback('https://teacher@school.example/done?a=B'),
      callback('https://school.example/done?a=B', { events: true }),
      callback('https://school.example/done?a=B', { signingKeySecretRef: { name: 'signing' } }),
      { callback: undefined },
    ],
  },
  {
    what: 'an address without a path, with a user',
    field: 'callback',
    over: callback('http://Teacher:a@10.0.0.1:80'),
    same: [callback('http://Teacher:a@10.0.0.1/'), callback('http://Teacher:a@10.0.0.1')],
    other: [
      callback('http://teacher:a@10.0.0.1'),
      callback('http://10.0.0.1'),
      callback('https://Teacher:a@10.0.0.1'),
      callback('http://Teacher:a@10.0.0.1:8080'),
    ],
  },
  {
    what: 'an address of IPv6, with a query alone',
    field: 'callback',
    over: callback('http://[FD00::A]?a'),
    same: [callback('http://[fd00::a]:80/?a')],
    other: [callback('http://[fd00::b]?a'), callback('http://[fd00::a]:443?a'), callback('http://[fd00::a]')],
  },
  {
    what: 'tolerations',
    field: 'tolerations',
    over: tolerations({ key: 'pool', value: 'media' }, { key: 'spot', operator: 'Exists', effect: 'NoSchedule' }),
    same: [
      tolerations({ key: 'spot', operator: 'Exists', effect: 'NoSchedule' }, { key: 'pool', value: 'media' }),
      tolerations(
        { key: 'pool', operator: 'Equal', value: 'media', effect: '' },
        { key: 'spot', operator: 'Exists', value: '', effect: 'NoSchedule' },
      ),
    ],
    other: [
      tolerations({ key: 'pool', value: 'media' }),
      tolerations({ key: 'pool', value: 'media' }, { key: 'spot', operator: 'Exists' }),
      tolerations({ key: 'pool', operator: 'Exists' }, { key: 'spot', operator: 'Exists', effect: 'NoSchedule' }),
      tolerations({ operator: 'Exists' }),
      // None at all, where the chart may have some for those that say nothing.
      { tolerations: [] },
      { tolerations: undefined },
    ],
  },
  {
    what: 'a toleration for a time',
    field: 'tolerations',
    over: ofTaint({ effect: 'NoExecute', tolerationSeconds: 30 }),
    same: [ofTaint({ operator: '', effect: 'NoExecute', tolerationSeconds: 30 })],
    other: [ofTaint({ effect: 'NoExecute', tolerationSeconds: 31 }), ofTaint({ effect: 'NoExecute' })],
  },
  {
    what: 'labels of nodes',
    field: 'nodeSelector',
    over: { nodeSelector: { pool: 'media', zone: 'b' } },
    same: [{ nodeSelector: { zone: 'b', pool: 'media' } }],
    other: [{ nodeSelector: { pool: 'media' } }, { nodeSelector: {} }, { nodeSelector: undefined }],
  },
  {
    what: 'the chart’s labels of nodes',
    field: 'nodeSelector',
    over: {},
    same: [{ nodeSelector: undefined }],
    // Of no labels at all.
    other: [{ nodeSelector: {} }],
  },
  {
    what: 'what the SDK goes through',
    field: 'networkProxy',
    over: proxy({ unifiedProxy: 'Proxy.Example:443', websocketProxy: 'wss://Proxy.Example/ws', turnServer }),
    same: [
      proxy({ unifiedProxy: 'proxy.example:443', websocketProxy: 'wss://proxy.example:443/ws', turnServer }),
      proxy({
        unifiedProxy: 'proxy.example:443',
        websocketProxy: 'wss://proxy.example/ws',
        turnServer: { ...turnServer, url: 'TURN.example:3478' },
        iceTransportPolicy: 'all',
      }),
    ],
    other: [
      proxy({ unifiedProxy: 'proxy.example:444', websocketProxy: 'wss://proxy.example/ws', turnServer }),
      proxy({ unifiedProxy: 'proxy.example:443', websocketProxy: 'wss://proxy.example/WS', turnServer }),
      proxy({ unifiedProxy: 'proxy.example:443', turnServer }),
      proxy({
        unifiedProxy: 'proxy.example:443',
        websocketProxy: 'wss://proxy.example/ws',
        turnServer: { ...turnServer, username: 'u' },
      }),
      proxy({
        unifiedProxy: 'proxy.example:443',
        websocketProxy: 'wss://proxy.example/ws',
        turnServer,
        iceTransportPolicy: 'relay',
      }),
      { networkProxy: undefined },
    ],
  },
  {
    what: 'nothing that the SDK goes through',
    field: 'networkProxy',
    over: {},
    same: [proxy({})],
    other: [proxy({ unifiedProxy: 'proxy.example' })],
  },
  {
    what: 'a receiver of sound',
    field: 'live',
    over: pcm({ users: { include: ['alice', 'bob'] } }),
    same: [
      { live: { pcm: { url: 'wss://speech.example:443/{userId}', users: { include: ['bob', 'alice', 'bob'], exclude: [] } } } },
    ],
    other: [
      pcm(),
      pcm({ users: { include: ['alice'] } }),
      pcm({ users: { include: ['alice', 'bob', 'carol'] } }),
      pcm({ users: { include: ['alice', 'bob'] }, form: 'Stereo48k' }),
      { live: { pcm: { url: 'wss://speech.example/{room}', users: { include: ['alice', 'bob'] } } } },
      { live: {} },
    ],
  },
  {
    what: 'streams',
    field: 'live',
    over: { mode: '02', ...hls({}) },
    same: [hls({ streams: ['aux', 'main'], users: {} }), hls({ seconds: 4 })],
    other: [hls({ streams: ['main'] }), hls({ seconds: 5 }), { live: { hls: {}, stills: {} } }],
  },
  {
    what: 'two sides',
    field: 'outputs',
    over: { outputs: { pair: { left: ['agent', 'trainee'], right: ['customer'] } } },
    same: [{ outputs: { pair: { left: ['trainee', 'agent'], right: ['customer'], sampleRate: 8000 }, replay: false } }],
    other: [
      { outputs: { pair: { left: ['customer'], right: ['agent', 'trainee'] } } },
      { outputs: { pair: { left: ['agent'], right: ['customer'] } } },
      { outputs: { pair: { left: ['agent', 'trainee'], right: ['customer'] }, replay: true } },
      { outputs: {} },
    ],
  },
]

const at = (from: string, to: string) => ({ from, to })

/** Of a clip, over `leastClip`. */
export const sameAndOtherClips: SameAndOther[] = [
  {
    what: 'an offset',
    field: 'to',
    over: at('10s', '70s'),
    same: [at('10s', '1m10s'), at('10000ms', '70.000s'), at('0.05m7s', '0h1m10s')],
    other: [at('10s', '71s'), at('10s', '1m10.001s')],
  },
  {
    what: 'a beginning',
    field: 'from',
    over: at('90s', '2m'),
    same: [at('1m30s', '120s'), at('1.5m', '2m')],
    other: [at('91s', '2m'), at('90ms', '2m')],
  },
  {
    what: 'a time',
    field: 'from',
    over: at('2026-03-01T09:30:00Z', '2026-03-01T09:31:00.5Z'),
    same: [
      at('2026-03-01T17:30:00+08:00', '2026-03-01T09:31:00.500Z'),
      at('2026-03-01T09:30:00.000Z', '2026-03-01T17:31:00.50+08:00'),
      at('2026-03-01T09:30:00-00:00', '2026-03-01T09:31:00.5+00:00'),
    ],
    other: [at('2026-03-01T09:30:00+00:01', '2026-03-01T09:31:00.5Z'), at('2026-03-01T09:30:00.001Z', '2026-03-01T09:31:00.5Z')],
  },
  {
    what: 'users and streams',
    field: 'users',
    over: { users: ['alice', 'bob'] },
    same: [{ users: ['bob', 'alice'], streams: ['aux', 'main'] }, { exact: false }],
    other: [{ users: ['alice'] }, { users: [] }, { users: ['alice', 'bob', 'carol'] }],
  },
  {
    what: 'an address',
    field: 'callback',
    over: callback('https://school.example'),
    same: [callback('https://School.example:443/')],
    other: [callback('https://school.example/clips'), { callback: undefined }],
  },
]
