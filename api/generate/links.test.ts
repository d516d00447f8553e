import { existsSync } from 'node:fs'
import { glob, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** A heading as a link names it. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll('`', '')
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

const isOurs = (path: string) => !/(^|\/)(node_modules|\.[^/]+)(\/|$)/.test(path)

async function* documents(): AsyncGenerator<[path: string, text: string]> {
  for await (const path of glob('**/*.md', { cwd: root, exclude: (name) => !isOurs(name) })) {
    if (isOurs(path)) yield [path, await readFile(join(root, path), 'utf8')]
  }
}

test('every link between documents leads to a file, and to a heading in it', async () => {
  const broken: string[] = []
  let links = 0
  for await (const [path, text] of documents()) {
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      links += 1
      const [file = '', heading] = target.split('#')
      const absolute = file === '' ? join(root, path) : join(root, dirname(path), file)
      const headings = () =>
        readFile(absolute, 'utf8').then((other) => [...other.matchAll(/^#+ (.*)$/gm)].map(([, h]) => anchor(h!)))
      if (!existsSync(absolute) || (heading !== undefined && !(await headings()).includes(heading))) {
        broken.push(`${path} -> ${target}`)
      }
    }
  }
  expect(broken).toEqual([])
  expect(links).toBeGreaterThan(50)
})

/** Files that are named and are not in the repository: they are made, or are somebody else's. */
const elsewhere = [
  ...['clips.json', 'control.json', 'data.json', 'trtc.yaml', 'report.json'],
  ...['.sandbox/sandbox.json', 'verify-cloud-output/report.md'],
]

test('every file that documents name is there', async () => {
  const files: string[] = []
  for await (const path of glob('**/*.{ts,md,yaml,json,sh,lua,tpl,html}', { cwd: root, exclude: (name) => !isOurs(name) }))
    files.push(path)
  const isThere = (path: string, from: string) =>
    existsSync(join(root, dirname(from), path)) || files.some((file) => file === path || file.endsWith(`/${path}`))
  const missing: string[] = []
  let named = 0
  for await (const [path, text] of documents()) {
    for (const [, name = ''] of text.matchAll(/`([\w./-]+\.(?:ts|md|yaml|json|sh|lua|tpl|html))`/g)) {
      named += 1
      if (!elsewhere.includes(name) && !isThere(name, path)) missing.push(`${path} -> ${name}`)
    }
  }
  expect(missing).toEqual([])
  expect(named).toBeGreaterThan(50)
})

test('each decision has a number of its own, and its title and every mention say which', async () => {
  const numbers: number[] = []
  for await (const path of glob('docs/adr/[0-9]*.md', { cwd: root })) {
    const number = Number(/(\d{4})-/.exec(path)![1])
    numbers.push(number)
    expect(await readFile(join(root, path), 'utf8'), path).toMatch(new RegExp(`^# (ADR )?0*${number}[.:] `))
  }
  expect(numbers.filter((number, at) => numbers.indexOf(number) !== at)).toEqual([])
  const unknown: string[] = []
  for await (const path of glob('**/*.{ts,md,yaml}', { cwd: root, exclude: (name) => !isOurs(name) })) {
    if (!isOurs(path)) continue
    for (const [, number] of (await readFile(join(root, path), 'utf8')).matchAll(/\bADR 0*(\d+)\b/g))
      if (!numbers.includes(Number(number))) unknown.push(`${path}: ADR ${number}`)
  }
  expect(unknown).toEqual([])
})
