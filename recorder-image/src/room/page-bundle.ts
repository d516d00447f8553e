import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

/** The files of the room page, ready to be served. */
export interface PageBundle {
  html: Buffer
  page: Buffer
  worker: Buffer
}

let loaded: Promise<PageBundle> | undefined

/**
 * In the image they lie beside the bundled recorder; a recorder that runs from its sources builds them in memory (0.2 s). Once: a page that
 * replaces another need not wait for it.
 */
export function loadPageBundle(): Promise<PageBundle> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<PageBundle> {
  const built = new URL('./page.js', import.meta.url)
  if (existsSync(built)) {
    const files = ['./index.html', './page.js', './worker.js'].map((name) => readFile(new URL(name, import.meta.url)))
    const [html, page, worker] = (await Promise.all(files)) as [Buffer, Buffer, Buffer]
    return { html, page, worker }
  }
  // Not a literal, so that the bundle has no bundler in it.
  const build = new URL('../../build.ts', import.meta.url)
  const { bundlePage } = (await import(build.href)) as typeof import('../../build.ts')
  const html = await readFile(new URL('./page/index.html', import.meta.url))
  return { html, ...(await bundlePage()) }
}
