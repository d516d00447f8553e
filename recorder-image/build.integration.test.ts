import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleRecorder } from './build.ts'

let directory: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'build-test-'))
  await bundleRecorder(directory)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const scripts = () => readdirSync(directory).filter((name) => name.endsWith('.js'))

const scriptOf = (name: string) => readFileSync(join(directory, name), 'utf8')

describe('the bundled recorder', () => {
  test('runs without a package beside it', () => {
    // From a folder that has no node_modules above it, as in the image.
    const help = execFileSync(process.execPath, [join(directory, 'main.js'), '--help'], { cwd: directory, encoding: 'utf8' })
    expect(help).toContain('Records one TRTC room')
  })

  test('records without loading what only checks a file, before there is one', () => {
    const loaded = new Set<string>()
    const load = (name: string) => {
      if (loaded.has(name)) return
      loaded.add(name)
      for (const [, file] of scriptOf(name).matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) load(file!)
    }
    load('main.js')
    for (const name of scripts()) if (name.startsWith('run-process')) load(name)
    expect(loaded.size).toBeGreaterThan(1)
    const checks = scripts().filter((name) => scriptOf(name).includes('EncodedPacketSink'))
    expect(checks.length).toBeGreaterThan(0)
    expect(checks.filter((name) => loaded.has(name))).toEqual([])
  })

  test('has a file for each thread it starts, and for the page', () => {
    const started = scripts().flatMap((name) =>
      [...scriptOf(name).matchAll(/new Worker\d*\(new URL\("\.\/([^"]+)"/g)].map(([, file]) => file!),
    )
    expect(started.length).toBeGreaterThan(0)
    for (const file of [...started, 'index.html', 'page.js', 'worker.js'])
      expect(existsSync(join(directory, file)), file).toBe(true)
  })

  test('says which packages went in, tools not among them', () => {
    const packages = JSON.parse(readFileSync(join(directory, 'packages.json'), 'utf8')) as { name: string; version: string }[]
    const names = packages.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['trtc-cloud-js-sdk', 'cos-nodejs-sdk-v5', 'ws', 'zod']))
    expect(names).not.toContain('esbuild')
    expect(names).not.toContain('ffmpeg-static')
    for (const { version } of packages) expect(version).toMatch(/^\d+\.\d+\.\d+/)
  })
})
