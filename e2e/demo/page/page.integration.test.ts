import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkPage } from './check-page.ts'
import type { DemoPageInput } from './page.ts'
import { writeSample } from './sample.ts'

let folder: string
let input: DemoPageInput
let page: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'demo-page-'))
  input = await writeSample(folder)
  page = await readFile(join(folder, 'index.html'), 'utf8')
})
afterAll(() => rm(folder, { recursive: true }))

async function checkVariant(change: (page: string) => string, manifests = input.manifests) {
  const path = join(folder, 'variant.html')
  await writeFile(path, change(page))
  return checkPage(path, manifests)
}

const firstFile = () => Object.values(input.manifests)[0]!.files[0]!

describe('the page, in a browser', () => {
  it('plays every file, from disk alone, and its lanes match the manifests', async () => {
    expect(await checkPage(join(folder, 'index.html'), input.manifests)).toEqual([])
  })

  it('is found out when a lane says something else than the manifest', async () => {
    const manifests = structuredClone(input.manifests)
    const [manifest] = Object.values(manifests)
    manifest!.files[1]!.endTime = '2026-01-01T10:00:09.000Z'
    manifest!.events.find((event) => event.event === 'videoOff')!.time = '2026-01-01T10:00:05.000Z'
    manifest!.events.find((event) => event.event === 'leave')!.time = '2026-01-01T10:00:10.000Z'
    const findings = await checkVariant((page) => page, manifests)
    expect(findings.join('\n')).toMatch(/file .* is drawn 1 times, 0 times right/)
    expect(findings.join('\n')).toMatch(/videoOff of bob/)
    expect(findings.join('\n')).toMatch(/leave of bob/)
  })

  it('is found out when a bar is drawn in the wrong place', async () => {
    const findings = await checkVariant((page) =>
      page.replaceAll('</style>', 'button.file { transform: translateX(40px) }</style>'),
    )
    expect(findings.join('\n')).toMatch(/is drawn \d+ ms off/)
  })

  it('is found out when a file cannot be played', async () => {
    const findings = await checkVariant((page) => page.replaceAll(`src="${firstFile().path}"`, 'src="missing.mp4"'))
    expect(findings).toEqual([expect.stringContaining('does not play')])
  })

  it('is found out when it needs a server', async () => {
    const findings = await checkVariant((page) => page.replace('</body>', '<img src="http://127.0.0.1:9/x.png"></body>'))
    expect(findings.join('\n')).toContain('http://127.0.0.1:9/x.png')
  })
})
