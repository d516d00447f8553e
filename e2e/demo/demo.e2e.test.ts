import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Manifest, manifestSchema } from '@trtc-recorder/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { playTogether } from '../replay/play-together.ts'
import { checkPage } from './page/check-page.ts'
import type { DemoSummary } from './summary.ts'

/** The whole demo as `make demo` runs it, and what it leaves. It decodes and compares every file itself. */
let folder: string
let output: string
let exitCode: number
let seconds: number
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'demo-output-'))
  const begun = performance.now()
  const child = spawn(process.execPath, ['e2e/demo/main.ts', '--output', folder], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [[code], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
  exitCode = code as number
  output = `${stdout}\n${stderr}`
  seconds = (performance.now() - begun) / 1000
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const read = async (path: string) => JSON.parse(await readFile(join(folder, path), 'utf8'))

/** By hand, from the issue: what others may build on. */
const summarySchema = z.strictObject({
  recordings: z.array(
    z.strictObject({
      name: z.string(),
      mode: z.enum(['00', '01', '02']),
      stopReason: z.string(),
      files: z.array(
        z.strictObject({
          userId: z.string(),
          stream: z.enum(['main', 'aux']),
          path: z.string(),
          url: z.url(),
          bytes: z.int().positive(),
          durationSeconds: z.number().positive(),
        }),
      ),
      callback: z.looseObject({ state: z.literal('Delivered') }),
      timings: z.strictObject({
        applyToStartedMs: z.number().positive(),
        stopToStoredMs: z.number().positive(),
        stopToCallbackMs: z.number().positive(),
      }),
    }),
  ),
})

describe('make demo, when all is built', () => {
  it('finds nothing wrong, in time', () => {
    expect(exitCode, output).toBe(0)
    expect(seconds).toBeLessThan(150)
    for (const said of [
      'POST /release/single_stream_record',
      'kubectl -n demo get rec',
      'make sandbox-down',
      'RemovedByApi',
      'RoomDismissed',
      'StopRequested',
    ])
      expect(output).toContain(said)
  })

  it('leaves a summary, and every file that it names', async () => {
    const { recordings } = summarySchema.parse(await read('summary.json'))
    expect(recordings.map(({ mode, stopReason }) => `${mode} ${stopReason}`)).toEqual([
      '02 RemovedByApi',
      '00 RoomDismissed',
      '00 RoomDismissed',
      '01 StopRequested',
    ])
    const files = recordings.flatMap((recording) => recording.files)
    for (const { path, bytes } of files) expect((await stat(join(folder, path))).size).toBe(bytes)
    const whose = (mode: string) =>
      recordings
        .find((recording) => recording.mode === mode)!
        .files.map(({ userId }) => userId)
        .sort()
    expect(whose('02')).toEqual(['alice', 'bob', 'bob', 'carol'])
    expect(whose('00')).toEqual(['alice', 'bob', 'bob', 'carol'])
    expect(whose('01')).toEqual(['alice', 'bob', 'bob'])
  })

  it('has started one of them by HTTP', async () => {
    const { recordings } = (await read('summary.json')) as DemoSummary
    const byHttp = recordings.filter(({ name }) => name.startsWith('request-'))
    expect(byHttp.map(({ mode }) => mode)).toEqual(['00'])
    const yaml = await readFile(join(folder, 'recordings', `${byHttp[0]!.name}.yaml`), 'utf8')
    expect(yaml).toContain('app.kubernetes.io/managed-by: trtc-recorder-gateway')
  })

  it('leaves each Recording as YAML and each callback as it arrived', async () => {
    const { recordings } = (await read('summary.json')) as DemoSummary
    for (const { name, files } of recordings) {
      expect(await readFile(join(folder, 'recordings', `${name}.yaml`), 'utf8')).toContain('kind: Recording')
      const { Files } = await read(`callbacks/${name}.json`)
      expect(Files.map(({ RecordFile }: { RecordFile: string }) => RecordFile)).toEqual(files.map(({ url }) => url))
      expect(existsSync(join(folder, `callbacks/${name}-2.json`))).toBe(false)
    }
  })

  it('leaves a page on which, in a browser, every file plays and every lane matches its manifest', async () => {
    const { recordings } = (await read('summary.json')) as DemoSummary
    const manifests: Record<string, Manifest> = {}
    for (const { name } of recordings) manifests[name] = manifestSchema.parse(await read(`demo/${name}.manifest.json`))
    expect(await checkPage(join(folder, 'index.html'), manifests)).toEqual([])
    const replay = manifests.lesson!.outputs.find(({ kind }) => kind === 'replay')
    const page = await readFile(join(folder, 'index.html'), 'utf8')
    expect(page).toContain(`href="${replay!.path}"`)
    for (const label of [
      'Clip alice-begins',
      'Clip bob-is-back',
      'Still of bob',
      'Slice of carol',
      'pair',
      'speech',
      'mix',
      'paella of alice',
    ]) {
      const [, href] = page.match(new RegExp(`<a href="([^"]+)">${label}`)) ?? []
      expect(existsSync(join(folder, href ?? label)), label).toBe(true)
    }
    expect(await playTogether(join(folder, replay!.path))).toEqual(expect.arrayContaining(['alice', 'carol']))
  })
})
