import { cosSchema, keyPrefix } from '@trtc-recorder/api'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bucket, type Harness, MiB, region, startHarness } from './harness.ts'

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

const head = Buffer.from('the head')
/** As long as COS takes them. */
const longest = 850

const cos = (more: object) => cosSchema.safeParse({ region, bucket, credentialsSecretRef: { name: 'cos' }, ...more })
const odd = [
  ...[
    'a b',
    "it's (1)*!",
    'a+b&c=d',
    '100%',
    '%2F',
    '%41',
    'a?b#c',
    '数学/第一课',
    'e\u0301',
    '\u{1F3A5}',
    '…',
    '.hidden',
    '..a',
    '~',
    ';,@:$[]{}|^`"<>',
  ],
]

/** Everything that is stored of a recording, by one PUT, in parts, and as one of many small objects; with what is said of all of it. */
async function store(path: string, more: object = {}) {
  const store = harness.store({ cos: { path, ...more } })
  await store.preflight()
  const prefix = keyPrefix(path)
  const [small, large] = ['small.mp4', 'large.mp4'].map((name, at) => {
    const source = harness.source(`${at}`)
    return { ...source, key: prefix + name }
  })
  const urls = [
    await store.open(small!).finish(head, harness.grow(small!, 10)),
    await store.open(large!).finish(head, harness.grow(large!, 3 * MiB)),
    await store.put(`${prefix}a.manifest.json`, Buffer.from('{}'), 'application/json'),
    await store.put(`${prefix}a/slice.ogg`, Buffer.from('x'), 'audio/ogg', { isOneOfMany: true }),
  ].map(({ url }) => url)
  const objects = await harness.control.objects(bucket, prefix)
  for (const { key } of objects) await harness.control.deleteObject(bucket, key)
  return { urls, objects }
}

test('whatever folder a spec may name, everything is stored under it, and where its URL says', async () => {
  const segment = fc.oneof(fc.constantFrom(...odd), fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }))
  const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`)
  await fc.assert(
    fc.asyncProperty(
      path.filter((path) => cos({ path }).success),
      async (path) => {
        const { urls, objects } = await store(path)
        expect(objects.map(({ url }) => url).sort()).toEqual([...urls].sort())
        expect(objects.every(({ key }) => key.startsWith(keyPrefix(path)))).toBe(true)
        expect(await harness.control.uploads(bucket)).toEqual([])
      },
    ),
    { numRuns: 25, examples: odd.filter((path) => cos({ path }).success).map((one): [string] => [one]), endOnFailure: true },
  )
})

test('a key as long as COS takes it is stored, and one that is longer is refused with what is wrong', async () => {
  const source = (bytes: number) => ({ ...harness.source(`${bytes}`), key: `${'课'.repeat(200)}${'x'.repeat(bytes - 600)}` })
  const [fits, beyond] = [source(longest), source(longest + 1)]
  expect(
    await harness
      .store()
      .open(fits)
      .finish(head, harness.grow(fits, 3 * MiB)),
  ).toMatchObject({ bytes: head.length + 3 * MiB })
  await expect(
    harness
      .store()
      .open(beyond)
      .finish(head, harness.grow(beyond, 3 * MiB)),
  ).rejects.toMatchObject({
    kind: 'refused',
    code: 'KeyTooLong',
  })
})

test('odd tags and metadata that a spec may have are on every object, as they were written', async () => {
  const tagText = fc.string({ minLength: 1, maxLength: 30, unit: fc.constantFrom(...'aZ09 +-=._:/@数é') })
  const value = fc.string({
    minLength: 1,
    maxLength: 40,
    unit: fc.constantFrom(...Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n))),
  })
  const about = fc
    .record({
      tags: fc.dictionary(tagText, tagText, { maxKeys: 10, noNullPrototype: true }),
      metadata: fc.dictionary(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/), value, {
        maxKeys: 8,
        noNullPrototype: true,
      }),
      encryption: fc.constantFrom({ type: 'SSE-COS' }, { type: 'SSE-KMS' }, { type: 'SSE-KMS', kmsKeyId: 'key-1' }),
      storageClass: fc.constantFrom('STANDARD', 'STANDARD_IA', 'MAZ_STANDARD_IA', 'INTELLIGENT_TIERING'),
    })
    .filter((one) => cos(one).success)
  await fc.assert(
    fc.asyncProperty(about, async ({ tags, metadata, encryption, storageClass }) => {
      const { objects } = await store('/lessons', { tags, metadata, encryption, storageClass })
      expect(objects).toHaveLength(4)
      for (const object of objects) {
        expect(object.tags).toEqual(tags)
        expect(object.custom).toEqual(
          Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-cos-meta-${name}`, value])),
        )
        expect(object.storageClass).toBe(storageClass)
        expect(object.encryption?.algorithm).toBe(encryption.type === 'SSE-COS' ? 'AES256' : 'cos/kms')
      }
    }),
    { numRuns: 30, endOnFailure: true },
  )
})
