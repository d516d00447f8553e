import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { jobFor } from './job.ts'
import { fileName, keyPrefix, liveKey, manifestKey, nameOfUser, readFileName, userOutputKey } from './object-names.ts'
import { recordingManifestSchema } from './recording.ts'

const recording = (spec: object = {}) =>
  recordingManifestSchema.parse({
    apiVersion: 'trtc-recorder.dev/v1alpha1',
    kind: 'Recording',
    metadata: { name: 'lesson' },
    spec: {
      sdkAppId: 1400000001,
      roomId: 43474,
      userId: 'recorder',
      userSigSecretRef: { name: 'recorder-sig' },
      cos: { region: 'ap-guangzhou', bucket: 'lessons-1250000000', path: '/a/b/', credentialsSecretRef: { name: 'cos' } },
      ...spec,
    },
  })

test('a file is named after application, room, user, stream and start', () => {
  const { spec } = jobFor(recording({ mode: '02' }), { attempt: 1 })
  expect(fileName({ spec }, 'ali/ce', 'main', new Date('2026-11-22T15:00:01.234Z'))).toBe(
    '1400000001_43474_YWxpL2Nl_main_20261122150001234.mp4',
  )
})

test('a string room is encoded, so that its name is safe in a key; audio goes into an mp3', () => {
  const { spec } = jobFor(recording({ roomId: undefined, strRoomId: 'a b/c'.replace('/', '+') }), { attempt: 1 })
  expect(fileName({ spec }, 'bob', 'aux', new Date(0))).toBe('1400000001_YSBiK2M_Ym9i_aux_19700101000000000.mp3')
})

test('with fileNaming TRTC it is named as TRTC’s own service names it', () => {
  const { spec } = jobFor(recording({ mode: '02', fileNaming: 'TRTC' }), { attempt: 1 })
  const start = new Date('2026-11-22T15:00:01.234Z')
  // The page’s own example: MTY4NjExOQ.. is 1686119.
  expect(fileName({ spec }, '1686119', 'main', start)).toBe(
    '1400000001_43474__UserId_s_MTY4NjExOQ..__UserId_e_main_20261122150001234.mp4',
  )
  expect(fileName({ spec }, '1686119', 'aux', start, 2)).toBe(
    '1400000001_43474__UserId_s_MTY4NjExOQ..__UserId_e_aux_20261122150001234_2.mp4',
  )
  const room = jobFor(recording({ roomId: undefined, strRoomId: '~?>', fileNaming: 'TRTC' }), { attempt: 1 })
  expect(fileName(room, '???', 'main', start)).toBe('1400000001_fj8+__UserId_s_Pz8-__UserId_e_main_20261122150001234.mp3')
})

test('with fileNaming TRTC a file of a later attempt is told apart by its time: there is no ha<n>_ before it', () => {
  const names = [1, 2, 3].map((attempt) => {
    const { spec } = jobFor(recording({ mode: '02', fileNaming: 'TRTC' }), { attempt })
    return fileName({ spec }, '1686119', 'main', new Date(Date.UTC(2026, 10, 22, 15, attempt)))
  })
  expect(new Set(names).size).toBe(names.length)
  for (const name of names) expect(name).toMatch(/^1400000001_43474__UserId_s_MTY4NjExOQ\.\.__UserId_e_main_\d{17}\.mp4$/)
})

test.each([
  ['/', ''],
  ['', ''],
  ['/lessons', 'lessons/'],
  ['lessons/2026/', 'lessons/2026/'],
])('path %j becomes key prefix %j', (path, prefix) => expect(keyPrefix(path)).toBe(prefix))

test('the manifest stands beside the files, under the name of the Recording', () =>
  expect(manifestKey(jobFor(recording(), { attempt: 1 }))).toBe('a/b/lesson.manifest.json'))

test('the manifest of a namesake has another key', () => {
  const { spec } = jobFor(recording(), { attempt: 1 })
  const keys = ['u1', 'u2'].map((uid) => manifestKey({ recording: { namespace: 'n', name: 'lesson', uid }, spec, volume: 1 }))
  expect(keys).toEqual(['a/b/lesson_u1.manifest.json', 'a/b/lesson_u2.manifest.json'])
})

test('the manifest of each further volume has a key of its own', () => {
  expect(manifestKey(jobFor(recording(), { attempt: 3, uploadOnly: true, volume: 2 }))).toBe('a/b/lesson_v2.manifest.json')
})

test('whose a file is can be read back from its name, whatever user and room are called', () => {
  const rooms = fc.oneof(
    fc.record({ roomId: fc.integer({ min: 1, max: 4_294_967_294 }) }),
    fc.record({ strRoomId: fc.string({ minLength: 1 }) }),
  )
  const time = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
  const [byDefault, asTrtc] = ['Default', 'TRTC'].map((fileNaming) => jobFor(recording({ fileNaming }), { attempt: 1 }).spec)
  const specs = { Default: byDefault!, TRTC: asTrtc! }
  fc.assert(
    fc.property(
      rooms,
      fc.string({ minLength: 1, unit: 'binary' }),
      fc.constantFrom<('main' | 'aux')[]>('main', 'aux'),
      time,
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom<('Default' | 'TRTC')[]>('Default', 'TRTC'),
      fc.constantFrom({}, { fileMark: '12345678' }),
      (room, userId, stream, startTime, part, fileNaming, mark) => {
        const { roomId: _, ...spec } = specs[fileNaming]
        const read = readFileName(
          { ...spec, ...room },
          fileName({ spec: { ...spec, ...room }, ...mark }, userId, stream, startTime, part),
        )
        expect(read).toEqual({ userId, stream, startTime, part })
      },
    ),
  )
  expect(readFileName(jobFor(recording(), { attempt: 1 }).spec, 'lesson.manifest.json')).toBeUndefined()
})

describe('names with a user in them, whatever the user is called', () => {
  const rooms = fc.oneof(
    fc.record({ roomId: fc.constant(4_294_967_294), strRoomId: fc.constant(undefined) }),
    fc.record({ roomId: fc.constant(undefined), strRoomId: fc.string({ minLength: 1, maxLength: 64, unit: 'grapheme-ascii' }) }),
  )
  const users = fc.tuple(
    fc.string({ minLength: 1, maxLength: 400, unit: 'binary' }),
    fc.string({ maxLength: 30, unit: 'binary' }),
  )
  const namings = fc.constantFrom<('Default' | 'TRTC')[]>('Default', 'TRTC')
  const specs = fc
    .tuple(rooms, namings)
    .map(([room, fileNaming]) => ({ ...jobFor(recording({ fileNaming }), { attempt: 1 }).spec, ...room }))
  /** What is made on the volume beside a file: the longest is the note of it, while it is written. */
  const beside = '.json.00000000-0000-0000-0000-000000000000.tmp'

  test('fit into a file system, with what lies beside them, and no two users have one', () => {
    const uid = '00000000-0000-0000-0000-000000000000'
    fc.assert(
      fc.property(specs, users, fc.integer({ min: 1, max: 9999 }), (spec, [begins, ends], part) => {
        const job = { recording: { namespace: 'n', name: 'r'.repeat(52), uid }, spec, volume: 3 }
        const names = [begins + ends, begins, `${begins}~`, ends].map((userId) => ({
          userId,
          made: [
            fileName({ spec }, userId, 'main', new Date(0), part),
            userOutputKey(job, userId, '16k.flac').split('/').at(-1)!,
            liveKey(job, { userId, stream: 'aux', part: 'audioSlices' }, 'x').split('/').at(-2)!,
          ],
        }))
        for (const { made } of names) for (const name of made) expect(Buffer.byteLength(name + beside)).toBeLessThanOrEqual(255)
        for (let of = 0; of < 3; of++) {
          const distinct = new Set(names.map(({ made }) => made[of]))
          expect(distinct.size).toBe(new Set(names.map(({ userId }) => userId)).size)
        }
        const [{ userId, made }] = names as [(typeof names)[0]]
        const read = readFileName(spec, made[0]!)
        expect(read).toMatchObject({ stream: 'main', startTime: new Date(0), part })
        expect([userId, undefined]).toContain(read!.userId)
      }),
      { numRuns: 500 },
    )
  })

  test('say whose they are of everybody whom TRTC lets into a room, and stay as they were', () => {
    fc.assert(
      fc.property(specs, fc.string({ minLength: 1, maxLength: 32, unit: 'grapheme-ascii' }), (spec, userId) => {
        expect(readFileName(spec, fileName({ spec }, userId, 'main', new Date(0), 12))).toMatchObject({ userId })
      }),
    )
    const spec = jobFor(recording({ mode: '02' }), { attempt: 1 }).spec
    expect(fileName({ spec }, '在'.repeat(32), 'main', new Date(0))).toBe(
      `1400000001_43474_${'5Zyo'.repeat(32)}_main_19700101000000000.mp4`,
    )
  })

  test('are as they would be without that up to the longest that fits', () => {
    const make = (user: string) => `${user}.x`
    expect(nameOfUser('u'.repeat(198), make)).toBe(`${'u'.repeat(198)}.x`)
    const cut = nameOfUser('u'.repeat(199), make)
    expect(cut).toMatch(/^u{154}~[A-Za-z0-9_-]{43}\.x$/)
    expect(cut).toHaveLength(200)
  })
})
