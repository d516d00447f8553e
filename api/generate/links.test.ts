import { existsSync } from 'node:fs'
import { glob, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** A heading as a link names it. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll('`', '')
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

test('every link between documents leads to a file, and to a heading in it', async () => {
  const broken: string[] = []
  let links = 0
  for await (const path of glob(['*.md', 'docs/**/*.md', 'charts/**/*.md', 'operator/src/**/*.md'], { cwd: root })) {
    const text = await readFile(join(root, path), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      links += 1
      const [file = '', heading] = target.split('#')
      const absolute = file === '' ? join(root, path) : join(root, dirname(path), file)
      const headings = () =>
        readFile(absolute, 'utf8').then((other) => [...other.matchAll(/^#+ (.*)$/gm)].map(([, h]) => anchor(h!)))
      if (!existsSync(absolute) || (heading !== undefined && !(await headings()).includes(heading))) {
        broken.push(`${relative(root, join(root, path))} -> ${target}`)
      }
    }
  }
  expect(broken).toEqual([])
  expect(links).toBeGreaterThan(50)
})
