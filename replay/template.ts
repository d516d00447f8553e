import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

/** The page without a recording: script and style inside, and the mark that `embedRecording` of api/ puts a recording in place of. */
export async function buildTemplate(): Promise<string> {
  const source = join(import.meta.dirname, 'src')
  const { outputFiles } = await build({
    entryPoints: { script: join(source, 'main.ts'), style: join(source, 'page.css') },
    bundle: true,
    minify: true,
    format: 'iife',
    target: ['chrome109', 'firefox115', 'safari16'],
    outdir: '/',
    write: false,
    logLevel: 'error',
  })
  const text = (name: string) => {
    const { text } = outputFiles.find(({ path }) => path.endsWith(name))!
    // Neither may end the element that it stands in.
    return text.replaceAll('</', '<\\/').trim()
  }
  const page = await readFile(join(source, 'page.html'), 'utf8')
  return page.replace('/* style */', () => text('style.css')).replace('/* script */', () => text('script.js'))
}
