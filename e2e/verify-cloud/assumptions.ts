/**
 * What we assume of Tencent's cloud, because nothing of ours can show it. One place: the table of docs/verified.md is made from it, and every id has
 * its line in the report of `npm run verify-cloud`.
 */
export interface Assumption {
  /** What the code relies on, as a sentence. */
  assumed: string
  /** Where we have it from. */
  source: string
  check: { by: 'run'; how: string } | { by: 'nobody'; why: string }
}

const run = (how: string) => ({ by: 'run', how }) as const
const nobody = (why: string) => ({ by: 'nobody', why }) as const
const sdk = 'what `trtc-cloud-js-sdk` 2.12.0 sends and takes'

export const assumptions = {
  'room-enter': {
    assumed: 'Chromium with the unmodified SDK enters a room as an anchor and publishes.',
    source: sdk,
    check: run('a second Chromium enters and publishes camera and microphone'),
  },
  'usersig-signed': {
    assumed: 'A UserSig that the recorder signs with the application’s key (TLSSig v2) is taken.',
    source: 'Tencent’s tls-sig-api-v2 libraries',
    check: run('both recorders have only the application’s key'),
  },
  'usersig-expired': {
    assumed: 'An expired UserSig is refused with 70001.',
    source: 'Tencent’s page ErrorCode',
    check: run('a user enters with one that ran out; the SDK says the code as −70001'),
  },
  'usersig-unreadable': {
    assumed: 'A UserSig that cannot be read is refused with 70003.',
    source: 'Tencent’s page ErrorCode',
    check: run('a user enters with one of nonsense; the SDK says −70003'),
  },
  'usersig-other-user': {
    assumed: 'A UserSig of another user is refused with 70013.',
    source: 'Tencent’s page ErrorCode',
    check: run('a user enters with one of somebody else; the SDK says −70013'),
  },
  'rooms-by-kind': {
    assumed: 'A room by number and a room by a string of the same digits are two rooms.',
    source: 'Tencent’s documentation of roomId and strRoomId',
    check: run('a user in the string room does not hear of the anchor in the other'),
  },
  'media-encoded': {
    assumed: 'Encoded pictures and sound come through RTCRtpReceiver’s transform, and make a file that decodes.',
    source: 'measured against the sandbox’s room',
    check: run('the recorder’s file of the anchor has both and was proven by decoding it'),
  },
  'media-codec': {
    assumed: 'Camera comes as H.264 or VP8.',
    source: sdk,
    check: run('the codec in the recorder’s result'),
  },
  'media-udp': {
    assumed: 'Media comes by UDP straight from the server; no TURN is needed.',
    source: sdk,
    check: run('the candidates in use of a user who watches'),
  },
  'media-repair': {
    assumed: 'Lost packets are asked for and come again as they were: no RTX, no FEC.',
    source: sdk,
    check: run('the answer in the session description of a user who watches'),
  },
  'media-capture-time': {
    assumed: 'The server names no `abs-capture-time`: files are placed by the arrival of packets.',
    source: 'the sandbox’s room names none, whose answers are written from the SDK',
    check: run('the same answer'),
  },
  'media-rotation': {
    assumed: 'The server names no `urn:3gpp:video-orientation`: pictures lie as they come.',
    source: 'the sandbox’s room names none',
    check: run('the same answer'),
  },
  'mute-one-file': {
    assumed: 'Mute and unmute are told to those who are there, and stay inside one file.',
    source: sdk,
    check: run('the anchor mutes the camera for a while; there is one file, and its manifest has videoOff and videoOn'),
  },
  'kick-removed': {
    assumed: 'RemoveUser ends the recorder, which knows it as RemovedByApi, and nobody else.',
    source: 'Tencent’s page RemoveUser; the reason from the SDK',
    check: run('called by the official SDK; one recorder ends, the other goes on'),
  },
  'dissolve-dismissed': {
    assumed: 'DismissRoom ends the recorder, which knows it as RoomDismissed.',
    source: 'Tencent’s page DismissRoom; the reason from the SDK',
    check: run('called by the official SDK'),
  },
  'api-room-unknown': {
    assumed: 'DismissRoom of a room that is not there is refused as FailedOperation.RoomNotExist.',
    source: 'Tencent’s page DismissRoom',
    check: run('called again when the room is gone'),
  },
  'sts-federation': {
    assumed: 'GetFederationToken gives SecretId, SecretKey and Token for a part of a bucket.',
    source: 'Tencent’s page GetFederationToken',
    check: run('called by the official SDK'),
  },
  'cos-temporary-keys': {
    assumed: 'COS takes temporary keys, with their token in x-cos-security-token.',
    source: 'COS’s documentation',
    check: run('the recorder has no others'),
  },
  'cos-virtual-host': {
    assumed: 'A bucket is reached as <bucket>.cos.<region>.myqcloud.com, and the URL that the recorder tells is the object’s.',
    source: 'COS’s documentation',
    check: run('the host of each file’s URL; each object is there with the size told'),
  },
  'cos-parts-any-order': {
    assumed: 'Parts are taken in any order, and the first may come last.',
    source: 'COS’s documentation of UploadPart',
    check: run('part 2 and then part 1 of an object of its own, completed and read back'),
  },
  'cos-crc64': {
    assumed: 'COS tells CRC-64/XZ of an object as a decimal number in x-cos-hash-crc64ecma, also of one made of parts.',
    source: 'COS’s documentation',
    check: run('compared with our own of the same bytes'),
  },
  'cos-refusal-codes': {
    assumed:
      'An unknown SecretId is 403 InvalidAccessKeyId, a wrong key 403 SignatureDoesNotMatch, an object that is not there 404.',
    source: 'COS’s page of error codes',
    check: run('asked with such keys and for such an object'),
  },
  'room-idle-end': {
    assumed: 'A room without anchors ends after 300 seconds, or at once, or after ten minutes; the recorder relies on neither.',
    source: 'two of Tencent’s pages, which differ',
    check: nobody('it takes longer than the run; limits.idleTimeoutSeconds is the recorder’s own'),
  },
  'room-audience-keeps': {
    assumed: 'Whether an audience member keeps a live room open is unknown; the recorder leaves by its own timer.',
    source: '–',
    check: nobody('it takes longer than the run'),
  },
  'usersig-return': {
    assumed: 'With a UserSig that has run out meanwhile, a user cannot come back after a lost connection.',
    source: 'Tencent’s documentation of UserSig',
    check: nobody('it takes a lost connection at the right time'),
  },
  'duplicate-user': {
    assumed: 'Who enters last with a user id sends the earlier one out.',
    source: sdk,
    check: run('a user enters a second time; the SDK of the first says kick'),
  },
  'codec-h265': {
    assumed: 'An H.265 publisher reaches the recorder in what the server makes of it.',
    source: 'Chromium lists no H.265 for receiving',
    check: nobody('this Chromium cannot publish H.265'),
  },
  'role-pod': {
    assumed: 'TKE’s webhook puts role, provider and token file into a Pod as its documentation says.',
    source: 'Tencent’s documentation of TKE and STS',
    check: nobody('it needs a TKE cluster'),
  },
} as const satisfies Record<string, Assumption>

export type AssumptionId = keyof typeof assumptions
export const assumptionIds = Object.keys(assumptions) as AssumptionId[]
export const assumption = (id: AssumptionId): Assumption => assumptions[id]
