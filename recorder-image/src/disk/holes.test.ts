import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkedLine } from './checked-lines.ts'
import { holesOf, holesPath } from './holes.ts'

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

test('of a release before, once each, they are read; one that was torn was none', async () => {
  await writeFile(holesPath(body), `\n{"start":4096,"end":8192}\n{"start":8192,"en`)
  expect(holesOf(body)).toEqual([holes[0]])
  await rm(holesPath(body))
  expect(holesOf(body)).toEqual([])
})
