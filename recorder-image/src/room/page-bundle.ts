import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** The files of the room page, ready to be served. */
export interface PageBundle {
  html: Buffer
  page: Buffer
  worker: Buffer
}

/** Reads the bundle from `dist/`; in a checkout, where there is none or it may be old, it is built in memory (0.2 s). */
export async function loadPageBundle(): Promise<PageBundle> {
  const html = await readFile(new URL('./page/index.html', import.meta.url))
  const build = new URL('../../build.ts', import.meta.url)
  if (existsSync(fileURLToPath(build)) && (await hasEsbuild())) {
    const { bundlePage } = (await import(build.href)) as typeof import('../../build.ts')
    return { html, ...(await bundlePage()) }
  }
  const dist = (name: string) => readFile(new URL(`../../dist/${name}`, import.meta.url))
  const [page, worker] = await Promise.all([dist('page.js'), dist('worker.js')])
  return { html, page, worker }
}

/** The image has the bundle and no bundler. */
async function hasEsbuild(): Promise<boolean> {
  try {
    import.meta.resolve('esbuild')
    await import('esbuild')
    return true
  } catch {
    return false
  }
}
