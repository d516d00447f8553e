/**
 * Bundles the room page and its worker: `node recorder-image/build.ts` writes them to recorder-image/dist/ for the image.
 * The SDK goes in as its package has it.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build, stop } from 'esbuild'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

export async function bundlePage(): Promise<{ page: Buffer; worker: Buffer }> {
  const result = await build({
    entryPoints: { page: path('./src/room/page/page.ts'), worker: path('./src/room/page/worker.ts') },
    bundle: true,
    write: false,
    outdir: path('./dist'),
    format: 'iife',
    target: 'chrome120',
    minify: true,
    legalComments: 'none',
    logLevel: 'error',
  })
  // Else its process would stay for as long as the recorder does.
  await stop()
  const output = (name: string) => Buffer.from(result.outputFiles.find((file) => file.path.endsWith(name))!.contents)
  return { page: output('page.js'), worker: output('worker.js') }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { page, worker } = await bundlePage()
  await mkdir(path('./dist'), { recursive: true })
  await writeFile(path('./dist/page.js'), page)
  await writeFile(path('./dist/worker.js'), worker)
  console.log(`Wrote page.js (${page.length} bytes) and worker.js (${worker.length} bytes) to recorder-image/dist`)
}
