import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkedLine } from './checked-lines.ts'
import { holesOf, holesPath, mendHoles, removeHoles } from './holes.ts'

let folder: string
let body: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holes-'))
  body = join(folder, 'file.body')
})
afterEach(() => rm(folder, { recursive: true }))

const holes = [
  { start: 4096, end: 8192 },
  { start: 8192, end: 123_456 },
]

test('whichever bit the disk changes, what was given back is known still', async () => {
  const text = holes.map((hole) => `\n${checkedLine(hole)}\n${checkedLine(hole)}`).join('')
  await writeFile(holesPath(body), text)
  const whole = await readFile(holesPath(body))
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const changed = Buffer.from(whole)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    await writeFile(holesPath(body), changed)
    expect(holesOf(body)).toEqual(holes)
  }
})

test('where both copies may be damaged nobody takes zeros for media', async () => {
  const line = checkedLine(holes[0]!).replace('8192', '8193')
  await writeFile(holesPath(body), `\n${line}\n${line}`)
  expect(() => holesOf(body)).toThrow('file.body.holes is damaged')
})

test('where it is not known any more the body tells: zeros that something was written behind', async () => {
  const random = Buffer.from(Array.from({ length: 1 << 20 }, (_, at) => ((at * 7919) % 255) | 1))
  const given = [
    { start: 70_000, end: 300_001 },
    { start: 400_000, end: 480_000 },
  ]
  const bytes = Buffer.concat([random, Buffer.alloc(200_000)])
  for (const { start, end } of given) bytes.fill(0, start, end)
  bytes.fill(0, 600_000, 610_000)
  await writeFile(body, bytes)
  const lines = [...given, given[0]!].map((hole) => `\n${checkedLine(hole)}`)
  await writeFile(holesPath(body), lines.map((line, at) => (at === 1 ? line : line.replace('70000', '70001'))).join(''))
  const damages = await mendHoles(body)
  expect(damages).toMatchObject([{ file: expect.stringContaining('file.body.holes'), lines: 2 }])
  expect(holesOf(body).toSorted((a, b) => a.start - b.start)).toEqual(given)
  // Whoever was to be told of it may have been killed before.
  expect(await mendHoles(body)).toEqual(damages)
  await removeHoles(body)
  expect(await readdir(folder)).toEqual(['file.body'])
})

test('zeros that media begins or ends with beside it are not taken for given back, and nothing is twice', async () => {
  const given = { start: 65_536, end: 131_072 }
  await writeFile(body, Buffer.alloc(200_000, 1).fill(0, given.start - 2, given.end + 3))
  const [known, unknown] = [
    { ...given, end: 98_304 },
    { ...given, start: 98_304 },
  ].map((hole) => `\n${checkedLine(hole)}`)
  await writeFile(holesPath(body), [known, known, unknown, unknown].join('').replaceAll('131072', '131073'))
  // As a recorder leaves it that is killed while it writes the list anew.
  await writeFile(`${holesPath(body)}.tmp`, 'to')
  await mendHoles(body)
  expect(holesOf(body)).toEqual([given])
  await writeFile(`${holesPath(body)}.tmp`, 'to')
  await removeHoles(body)
  expect(await readdir(folder)).toEqual(['file.body'])
})

test('of a release before, once each, they are read; one that was torn was none', async () => {
  await writeFile(holesPath(body), `\n{"start":4096,"end":8192}\n{"start":8192,"en`)
  expect(holesOf(body)).toEqual([holes[0]])
  await rm(holesPath(body))
  expect(holesOf(body)).toEqual([])
})
