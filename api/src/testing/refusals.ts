/** A spec as small as it can be. */
export const leastSpec = {
  sdkAppId: 1400000001,
  roomId: 43474,
  userId: 'recorder',
  userSigSecretRef: { name: 'sig' },
  cos: { region: 'ap-guangzhou', bucket: 'lessons-1250000000', credentialsSecretRef: { name: 'cos' } },
}

export interface RefusedSpec {
  what: string
  /** What is wrong, over `leastSpec`. */
  over: object
  /** The field that the message has to name, as the API server writes it. */
  field: string
}

const { cos } = leastSpec
const inCos = (over: object) => ({ cos: { ...cos, ...over } })
/** One character for the API server, two code units for JavaScript. */
const rare = '\u{20000}'
/** Which the API server never sees: of each it reads the last one. */
const halves = [
  ['the first half of a character', '\ud800'],
  ['the second half of one', '\udc00'],
  ['what stands for half a character', '\ufffd'],
] as const
const longPrefix = `${'a'.repeat(254)}/b`
const resources = (requests: object, limits: object = {}) => ({ resources: { requests, limits } })
/** Of labels that are short enough. */
const longName = (length: number) => `${'a.'.repeat(length).slice(0, length - 2)}bc`
const callback = (url: string) => ({ callback: { url } })
const turnServer = { url: 'turn.example:3478', username: 'u', credentialSecretRef: { name: 'turn' } }

/** What can never work, and is refused before anything is made of it: by the API server, and by a recorder that runs by hand. */
export const refusedSpecs: RefusedSpec[] = [
  {
    what: 'outputs told in TRTC’s words',
    over: { callback: { url: 'https://school.example', format: 'TRTC', outputs: true }, outputs: { replay: true } },
    field: 'spec.callback.outputs',
  },
  {
    what: 'events beside TRTC’s own',
    over: { callback: { url: 'https://school.example', format: 'TRTC', events: true } },
    field: 'spec.callback.events',
  },
  {
    what: 'slices of a mode without sound',
    over: { mode: '01', live: { audioSlices: {} } },
    field: 'spec.live',
  },
  { what: 'slices of 4 s', over: { live: { audioSlices: { seconds: 4 } } }, field: 'spec.live.audioSlices.seconds' },
  { what: 'slices of 61 s', over: { live: { audioSlices: { seconds: 61 } } }, field: 'spec.live.audioSlices.seconds' },
  {
    what: 'slices of users by a pattern that TRTC does not know',
    over: { live: { audioSlices: { users: { include: ['a*'] } } } },
    field: 'spec.live.audioSlices.users.include[0]',
  },
  {
    what: 'live sound of a mode without sound',
    over: { mode: '01', live: { pcm: { url: 'wss://asr.example/' } } },
    field: 'spec.live',
  },
  {
    what: 'live sound to a host that is not known before',
    over: { live: { pcm: { url: 'wss://{userId}.example/' } } },
    field: 'spec.live.pcm.url',
  },
  { what: 'sound made of a mode without sound', over: { mode: '01', outputs: { speech: true } }, field: 'spec.outputs' },
  {
    what: 'pictures mixed of a mode without pictures',
    over: { mode: '00', outputs: { mix: true, mixFormat: 'Mp4' } },
    field: 'spec.outputs',
  },
  {
    what: 'a pair of a mode without sound',
    over: { mode: '01', outputs: { pair: { left: ['a'], right: ['b'] } } },
    field: 'spec.outputs',
  },
  {
    what: 'a pair with nobody on a side',
    over: { outputs: { pair: { left: [], right: ['b'] } } },
    field: 'spec.outputs.pair.left',
  },
  {
    what: 'a number to compare that is none',
    over: { tolerations: [{ key: 'cores', operator: 'Gt', value: 'many' }] },
    field: 'spec.tolerations[0].value',
  },
  {
    what: 'a number below zero that is not compared',
    over: { tolerations: [{ key: 'cores', operator: 'Equal', value: '-5' }] },
    field: 'spec.tolerations[0].value',
  },
  {
    what: 'outputs told of that are not made',
    over: { callback: { url: 'https://school.example', outputs: true } },
    field: 'spec.callback.outputs',
  },
  {
    what: 'media through a TURN server that there is not',
    over: { networkProxy: { unifiedProxy: 'proxy.example:443', iceTransportPolicy: 'relay' } },
    field: 'spec.networkProxy.iceTransportPolicy',
  },
  {
    what: 'a pair of which the right side is on the left',
    over: { outputs: { pair: { left: ['agent_.*$', 'bot'], right: ['bot'] } } },
    field: 'spec.outputs.pair.right',
  },
  {
    what: 'a pair of which the left side is of everybody on the right',
    over: { outputs: { pair: { left: ['agent_.*$'], right: ['agent_7', 'agent_1.*$'] } } },
    field: 'spec.outputs.pair.right',
  },
  ...(['audioSlices', 'stills', 'hls', 'pcm'] as const).flatMap((part) =>
    [
      { include: ['alice'], exclude: ['bob', 'alice'] },
      { include: ['student_1', 'student_2.*$'], exclude: ['student_.*$'] },
      { exclude: ['.*$'] },
    ].map((users) => ({
      what: `${part} of nobody, ${JSON.stringify(users)}`,
      over: { mode: '02', live: { [part]: { ...(part === 'pcm' ? { url: 'wss://asr.example/' } : {}), users } } },
      field: `spec.live.${part}.users.include`,
    })),
  ),
  {
    what: 'how a mix is written that is not made',
    over: { mode: '02', outputs: { mixFormat: 'Mp4' } },
    field: 'spec.outputs.mixFormat',
  },
  {
    what: 'how sound is written that is not made',
    over: { outputs: { audio16kFormat: 'Flac' } },
    field: 'spec.outputs.audio16kFormat',
  },
  {
    what: 'HLS of screens in a mode without pictures',
    over: { live: { hls: { streams: ['aux'] } } },
    field: 'spec.live.hls.streams',
  },
  {
    what: 'whose picture in a mode without',
    over: { subscribe: { video: { include: ['a'] } } },
    field: 'spec.subscribe.video.include',
  },
  {
    what: 'whose picture not in a mode without',
    over: { subscribe: { video: { exclude: ['a'] } } },
    field: 'spec.subscribe.video.exclude',
  },
  {
    what: 'whose sound in a mode without',
    over: { mode: '01', subscribe: { audio: { include: ['a'] } } },
    field: 'spec.subscribe.audio.include',
  },
  {
    what: 'whose sound not in a mode without',
    over: { mode: '01', subscribe: { audio: { exclude: ['a'] } } },
    field: 'spec.subscribe.audio.exclude',
  },
  { what: 'no room', over: { roomId: undefined }, field: 'spec.roomId' },
  // Small enough to pass for none with the API server's own check.
  { what: 'an application with a fraction', over: { sdkAppId: 1400000001.1 }, field: 'spec.sdkAppId' },
  { what: 'an application with a small fraction', over: { sdkAppId: 5.0000000001 }, field: 'spec.sdkAppId' },
  {
    what: 'a time with a small fraction',
    over: { limits: { maxDurationSeconds: 60.000000001 } },
    field: 'spec.limits.maxDurationSeconds',
  },
  { what: 'a room number of 0', over: { roomId: 0 }, field: 'spec.roomId' },
  { what: 'a user id with a blank', over: { userId: 'the recorder' }, field: 'spec.userId' },
  { what: 'a mode there is not', over: { mode: '03' }, field: 'spec.mode' },
  { what: 'a bucket without its APPID', over: { cos: { ...cos, bucket: 'lessons' } }, field: 'spec.cos.bucket' },
  { what: 'an endpoint with a path', over: { cos: { ...cos, endpoint: 'http://cos/x' } }, field: 'spec.cos.endpoint' },
  {
    what: 'an endpoint that is an address',
    over: { cos: { ...cos, endpoint: 'http://10.0.0.7:8080' } },
    field: 'spec.cos.endpoint',
  },
  {
    what: 'an endpoint with the bucket in it',
    over: inCos({ endpoint: 'https://lessons-1250000000.cos.example' }),
    field: 'spec.cos.endpoint',
  },
  {
    what: 'an endpoint with a port there is not',
    over: inCos({ endpoint: 'https://cos.example:99999' }),
    field: 'spec.cos.endpoint',
  },
  { what: 'an endpoint with a dash in front', over: inCos({ endpoint: 'https://-cos.example' }), field: 'spec.cos.endpoint' },
  { what: 'a bucket with a dash in front', over: inCos({ bucket: '-lessons-1250000000' }), field: 'spec.cos.bucket' },
  {
    what: 'a longer name of a tag than COS takes, in characters of which each is two of JavaScript’s',
    over: inCos({ tags: { [rare.repeat(128)]: 'x' } }),
    field: 'spec.cos.tags',
  },
  { what: 'a folder above', over: inCos({ path: '/a/../b' }), field: 'spec.cos.path' },
  { what: 'nothing but a folder above', over: inCos({ path: '..' }), field: 'spec.cos.path' },
  { what: 'the folder itself', over: inCos({ path: './a' }), field: 'spec.cos.path' },
  { what: 'a folder without a name', over: inCos({ path: '/a//b' }), field: 'spec.cos.path' },
  { what: 'two slashes in front', over: inCos({ path: '//a' }), field: 'spec.cos.path' },
  { what: 'a folder with a line feed', over: inCos({ path: 'a\nb' }), field: 'spec.cos.path' },
  { what: 'a folder with another control character', over: inCos({ path: 'a\u0085b' }), field: 'spec.cos.path' },
  { what: 'a folder with a backslash', over: inCos({ path: 'a\\b' }), field: 'spec.cos.path' },
  { what: 'a folder of more bytes than characters', over: inCos({ path: '课'.repeat(200) }), field: 'spec.cos.path' },
  { what: 'a tag with a comma', over: inCos({ tags: { 'a,b': 'x' } }), field: 'spec.cos.tags' },
  { what: 'a comma in a tag’s value', over: inCos({ tags: { a: 'x,y' } }), field: 'spec.cos.tags.a' },
  {
    what: 'eleven tags',
    over: inCos({ tags: Object.fromEntries([...'abcdefghijk'].map((name) => [name, 'x'])) }),
    field: 'spec.cos.tags',
  },
  {
    what: 'metadata of a longer name than there may be',
    over: inCos({ metadata: { ['a'.repeat(129)]: 'x' } }),
    field: 'spec.cos.metadata',
  },
  { what: 'metadata with a capital', over: inCos({ metadata: { Course: 'x' } }), field: 'spec.cos.metadata' },
  {
    what: 'metadata with a line feed',
    over: inCos({ metadata: { course: 'x\nAuthorization: y' } }),
    field: 'spec.cos.metadata.course',
  },
  {
    what: 'too much metadata',
    over: inCos({ metadata: { a: 'x'.repeat(1024), b: 'x'.repeat(1024) } }),
    field: 'spec.cos.metadata',
  },
  {
    what: 'a KMS key with SSE-COS',
    over: inCos({ encryption: { type: 'SSE-COS', kmsKeyId: 'k' } }),
    field: 'spec.cos.encryption.kmsKeyId',
  },
  { what: 'no Secret for the UserSig', over: { userSigSecretRef: {} }, field: 'spec.userSigSecretRef.name' },
  { what: 'neither a UserSig nor a key to sign one', over: { userSigSecretRef: undefined }, field: 'spec.userSigSecretRef' },
  { what: 'a Secret name with capitals', over: { userSigSecretRef: { name: 'Sig' } }, field: 'spec.userSigSecretRef.name' },
  {
    what: 'a Secret key with a slash',
    over: { userSigSecretRef: { name: 'sig', key: 'a/b' } },
    field: 'spec.userSigSecretRef.key',
  },
  {
    what: 'a Secret key that is a folder',
    over: { userSigSecretRef: { name: 'sig', key: '..' } },
    field: 'spec.userSigSecretRef.key',
  },
  {
    what: 'a Secret name that ends in a dash',
    over: { cos: { ...cos, credentialsSecretRef: { name: 'cos-' } } },
    field: 'spec.cos.credentialsSecretRef.name',
  },
  { what: 'a pattern that TRTC does not know', over: { subscribe: { include: ['a.*b'] } }, field: 'spec.subscribe.include[0]' },
  { what: 'a pattern with a star only', over: { subscribe: { exclude: ['b', 'a*'] } }, field: 'spec.subscribe.exclude[1]' },
  ...['\u3000', '\u00a0', '\ufeff', '\u200b', '\u2028', '\u000b', '\u0001'].map((blank) => ({
    what: `a user id with the invisible character ${blank.codePointAt(0)?.toString(16)}`,
    over: { subscribe: { include: [`a${blank}b`] } },
    field: 'spec.subscribe.include[0]',
  })),
  ...halves.flatMap(([name, half]) => [
    { what: `a path with ${name}`, over: inCos({ path: `/lessons/${half}` }), field: 'spec.cos.path' },
    { what: `a user id with ${name}`, over: { subscribe: { exclude: [`a${half}`] } }, field: 'spec.subscribe.exclude[0]' },
    { what: `a callback path with ${name}`, over: callback(`https://school.example/${half}`), field: 'spec.callback.url' },
    { what: `a tag with ${name}`, over: inCos({ tags: { course: half } }), field: 'spec.cos.tags.course' },
    { what: `the name of a tag with ${name}`, over: inCos({ tags: { [half]: 'math' } }), field: 'spec.cos.tags' },
    { what: `metadata with ${name}`, over: inCos({ metadata: { course: half } }), field: 'spec.cos.metadata.course' },
    {
      what: `an address of live sound with ${name}`,
      over: { live: { pcm: { url: `wss://asr.example/${half}` } } },
      field: 'spec.live.pcm.url',
    },
    {
      what: `a TURN user with ${name}`,
      over: { networkProxy: { turnServer: { ...turnServer, username: half } } },
      field: 'spec.networkProxy.turnServer.username',
    },
  ]),
  { what: 'a callback path with a wide blank', over: callback('https://school.example/a\u3000b'), field: 'spec.callback.url' },
  {
    what: 'a callback to a longer name than there is',
    over: callback(`https://${'a'.repeat(64)}.example`),
    field: 'spec.callback.url',
  },
  ...[
    { what: 'a callback to a name', over: callback(`https://user:pass@${longName(254)}:8443/x`), field: 'spec.callback.url' },
    { what: 'a callback to a name with a dot', over: callback(`https://${longName(254)}.`), field: 'spec.callback.url' },
    {
      what: 'live sound to a name',
      over: { live: { pcm: { url: `wss://${longName(254)}/{userId}` } } },
      field: 'spec.live.pcm.url',
    },
    {
      what: 'a TURN server of a name',
      over: { networkProxy: { turnServer: { ...turnServer, url: longName(254) } } },
      field: 'spec.networkProxy.turnServer.url',
    },
    {
      what: 'a websocket proxy of a name',
      over: { networkProxy: { websocketProxy: `wss://${longName(254)}` } },
      field: 'spec.networkProxy.websocketProxy',
    },
    {
      what: 'an endpoint of a name, with the bucket in front,',
      over: inCos({ endpoint: `https://${longName(190)}:8443` }),
      field: 'spec.cos.endpoint',
    },
  ].map(({ what, ...rest }) => ({ what: `${what} that is longer than a name can be`, ...rest })),
  {
    what: 'a proxy path with a blank of no width',
    over: { networkProxy: { websocketProxy: 'wss://proxy.example/a\ufeff' } },
    field: 'spec.networkProxy.websocketProxy',
  },
  {
    what: 'a proxy of a longer name than there is',
    over: { networkProxy: { unifiedProxy: `${'a.'.repeat(130)}example` } },
    field: 'spec.networkProxy.unifiedProxy',
  },
  { what: 'a callback that is not http', over: callback('ftp://school.example'), field: 'spec.callback.url' },
  { what: 'a callback port there is not', over: callback('http://example.com:99999/x'), field: 'spec.callback.url' },
  { what: 'a callback at port 0', over: callback('http://example.com:0/x'), field: 'spec.callback.url' },
  { what: 'a callback user with a bare percent sign', over: callback('http://us%er@host/'), field: 'spec.callback.url' },
  { what: 'a callback host with a blank', over: callback('http://my host/'), field: 'spec.callback.url' },
  { what: 'a callback to no IPv4 address', over: callback('http://10.0.0.256/'), field: 'spec.callback.url' },
  { what: 'a callback without a host', over: callback('https:///x'), field: 'spec.callback.url' },
  {
    what: 'a signing key with a name that cannot be',
    over: { callback: { url: 'https://school.example', signingKeySecretRef: { name: 'a_b' } } },
    field: 'spec.callback.signingKeySecretRef.name',
  },
  {
    what: 'a proxy with a port there is not',
    over: { networkProxy: { unifiedProxy: 'proxy:70000' } },
    field: 'spec.networkProxy.unifiedProxy',
  },
  {
    what: 'a websocket proxy without a scheme',
    over: { networkProxy: { websocketProxy: 'proxy:443' } },
    field: 'spec.networkProxy.websocketProxy',
  },
  {
    what: 'a TURN server without a password',
    over: { networkProxy: { turnServer: { ...turnServer, credentialSecretRef: undefined } } },
    field: 'spec.networkProxy.turnServer.credentialSecretRef',
  },
  { what: 'a size that is no quantity', over: { storage: { size: 'large' } }, field: 'spec.storage.size' },
  { what: 'a size with a unit there is not', over: { storage: { size: '1K' } }, field: 'spec.storage.size' },
  { what: 'a size of 0', over: { storage: { size: '0' } }, field: 'spec.storage.size' },
  { what: 'a size in which nothing fits', over: { storage: { size: '1000k' } }, field: 'spec.storage.size' },
  {
    what: 'a StorageClass with a blank',
    over: { storage: { storageClassName: 'very fast' } },
    field: 'spec.storage.storageClassName',
  },
  { what: 'more CPU than its limit', over: resources({ cpu: '2' }, { cpu: '1500m' }), field: 'spec.resources.requests' },
  {
    what: 'more memory than its limit',
    over: resources({ memory: '1.5Gi' }, { memory: '1Gi' }),
    field: 'spec.resources.requests',
  },
  { what: 'a resource there is not', over: resources({ ram: '1Gi' }), field: 'spec.resources.requests' },
  { what: 'a limit of a resource there is not', over: resources({}, { 'example.com/gpu': '1' }), field: 'spec.resources.limits' },
  { what: 'memory in which no browser starts', over: resources({}, { memory: '64Mi' }), field: 'spec.resources.limits' },
  { what: 'CPU with which no browser starts in time', over: resources({}, { cpu: '1m' }), field: 'spec.resources.limits' },
  { what: 'no room for a log', over: resources({}, { 'ephemeral-storage': '1Ki' }), field: 'spec.resources.limits' },
  {
    what: 'more memory than can be counted',
    over: resources({ memory: '99999999999Ei' }),
    field: 'spec.resources.requests.memory',
  },
  { what: 'a larger volume than can be counted', over: { storage: { size: '9223372036854775808' } }, field: 'spec.storage.size' },
  { what: 'a resource that is no quantity', over: resources({ cpu: 'two' }), field: 'spec.resources.requests.cpu' },
  {
    what: 'nodes that no recorder is for',
    over: { nodeSelector: { 'kubernetes.io/os': 'windows' } },
    field: 'spec.nodeSelector',
  },
  { what: 'a node label that cannot be', over: { nodeSelector: { 'a b': 'x' } }, field: 'spec.nodeSelector' },
  {
    what: 'a node label with a longer prefix than a domain',
    over: { nodeSelector: { [longPrefix]: 'x' } },
    field: 'spec.nodeSelector',
  },
  {
    what: 'a toleration with a longer prefix than a domain',
    over: { tolerations: [{ key: longPrefix, operator: 'Exists' }] },
    field: 'spec.tolerations[0].key',
  },
  { what: 'a node label value that cannot be', over: { nodeSelector: { pool: '-x' } }, field: 'spec.nodeSelector.pool' },
  { what: 'a toleration of Equal without a key', over: { tolerations: [{ value: 'x' }] }, field: 'spec.tolerations[0].operator' },
  {
    what: 'a toleration of Exists with a value',
    over: { tolerations: [{ key: 'a', operator: 'Exists', value: 'x' }] },
    field: 'spec.tolerations[0].value',
  },
  {
    what: 'a toleration that ends without NoExecute',
    over: { tolerations: [{ key: 'a', operator: 'Exists', tolerationSeconds: 5 }] },
    field: 'spec.tolerations[0].effect',
  },
  {
    what: 'a toleration of a taint that cannot be',
    over: { tolerations: [{ key: '/a', operator: 'Exists' }] },
    field: 'spec.tolerations[0].key',
  },
  { what: 'a PriorityClass with capitals', over: { priorityClassName: 'High' }, field: 'spec.priorityClassName' },
  { what: 'a ServiceAccount without a name', over: { serviceAccountName: '' }, field: 'spec.serviceAccountName' },
]

/** Unusual, and right. */
export const acceptedSpecs: { what: string; over: object }[] = [
  {
    what: 'slices of some, and events of them',
    over: {
      live: { audioSlices: { seconds: 60, users: { include: ['customer_.*$'], exclude: ['customer_1'] } } },
      callback: { url: 'https://school.example', events: true },
    },
  },
  {
    what: 'outputs that are told of, each alone',
    over: {
      callback: { url: 'https://school.example', outputs: true },
      outputs: { pair: { left: ['a', 'b'], right: ['b', 'c'] } },
    },
  },
  {
    what: 'a replay that is told of',
    over: { callback: { url: 'https://school.example', outputs: true }, outputs: { replay: true } },
  },
  {
    what: 'slices of some of those who are left out, and of others',
    over: {
      live: { audioSlices: { users: { include: ['student_.*$', 'bob'], exclude: ['student_1.*$', 'bo', 'bobby.*$'] } } },
      outputs: { pair: { left: ['agent_1.*$', 'b'], right: ['agent_.*$', 'b'] } },
    },
  },
  { what: 'media by any way, said', over: { networkProxy: { iceTransportPolicy: 'all' } } },
  {
    what: 'whom to record that begins with nobody, for it may be changed',
    over: { subscribe: { include: ['alice'], exclude: ['alice'] } },
  },
  {
    what: 'live sound to an address of each user',
    over: { live: { pcm: { url: 'wss://asr.example/{room}?user={userId}&stream={stream}&of={recording}' } } },
  },
  {
    what: 'a callback with user, port, path and query',
    over: callback('https://us%40er:pa%20ss@school.example:8443/a%20b?c=d#e'),
  },
  {
    what: 'a callback to as long a name as there is',
    over: callback(`https://user:pass@${longName(253)}.:8443/${'x'.repeat(300)}`),
  },
  { what: 'an endpoint of as long a name as there is', over: inCos({ endpoint: `https://${longName(189)}:8443` }) },
  { what: 'a callback to an IPv6 address', over: callback('http://[2001:db8::1]:8080') },
  { what: 'a callback to a Service', over: callback('http://receiver.lessons.svc.cluster.local./hook') },
  { what: 'a callback to a name with digits in front', over: callback('http://10-0-0-5.lessons.pod:80') },
  { what: 'everyone whose id begins with student_', over: { subscribe: { include: ['student_.*$', 'john.doe', '.*$'] } } },
  {
    what: 'a callback to a name in other letters, as DNS has it, with such a path',
    over: callback('https://xn--fiqs8s.example/课程'),
  },
  { what: 'user ids in other letters', over: { subscribe: { include: ['学生_.*$', 'élève', rare.repeat(64)] } } },
  {
    what: 'as long a name of a tag as COS takes, in rare characters',
    over: inCos({ tags: { [rare.repeat(127)]: rare.repeat(255) } }),
  },
  { what: 'as long a key of a label as there is', over: { nodeSelector: { [`${'a'.repeat(253)}/${'b'.repeat(62)}`]: '' } } },
  ...['', '/', 'lessons', '/lessons/', '/a/b.c/d', '/.hidden/..x/...', '/课程/数学'].map((path) => ({
    what: `the folder ${JSON.stringify(path)}`,
    over: inCos({ path }),
  })),
  { what: 'a key to sign a UserSig with', over: { userSigSecretRef: undefined, appSecretKeyRef: { name: 'trtc' } } },
  { what: 'no Secret for COS', over: inCos({ credentialsSecretRef: undefined }) },
  {
    what: 'tags, metadata and encryption',
    over: inCos({
      tags: { 'course/数学': 'year 2026', kept: 'a+b@c' },
      metadata: { course: 'a, b; c=1', 'x-y': 'z' },
      encryption: { type: 'SSE-KMS', kmsKeyId: '0b2ca1a3-7a3c-4d0f-9d0e-1f7c3f7c0000' },
    }),
  },
  { what: 'as large a volume as there may be', over: { storage: { size: '1Pi' } } },
  {
    what: 'as little as there may be',
    over: resources({ cpu: '0', memory: '0' }, { cpu: '0.05', memory: '256Mi', 'ephemeral-storage': '16777216' }),
  },
  { what: 'resources in fractions', over: resources({ cpu: '0.5', memory: '1Gi' }, { cpu: '500m', memory: '1024Mi' }) },
  { what: 'a toleration of everything', over: { tolerations: [{ operator: 'Exists' }, { key: 'a.b/c', value: 'd' }] } },
  {
    what: 'what every node is that a recorder is for',
    over: { nodeSelector: { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'arm64' } },
  },
  { what: 'labels with a prefix and without a value', over: { nodeSelector: { 'example.com/pool': 'media', spot: '' } } },
  {
    what: 'every proxy there is',
    over: {
      networkProxy: {
        unifiedProxy: '10.0.0.7:8443',
        websocketProxy: 'wss://proxy.example/ws',
        scheduleProxy: 'proxy.example',
        loggerProxy: 'https://proxy.example:444/logger',
        turnServer,
        iceTransportPolicy: 'relay',
      },
    },
  },
]
