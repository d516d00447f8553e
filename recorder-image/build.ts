/**
 * Bundles the recorder: `node recorder-image/build.ts` writes to recorder-image/dist/ what the image runs, `node recorder-image/dist/main.js`.
 * One file for Node with all its packages in it, which starts in a third of the time; one for each worker thread; the room page and its worker
 * for Chromium, with the SDK as its package has it; and `packages.json`, which of package-lock.json went in.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Metafile, type Plugin, stop } from 'esbuild'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const checkout = path('../')

const pageOptions = {
  entryPoints: { page: path('./src/room/page/page.ts'), worker: path('./src/room/page/worker.ts') },
  bundle: true,
  outdir: path('./dist'),
  format: 'iife',
  target: 'chrome120',
  minify: true,
  legalComments: 'none',
  logLevel: 'error',
  metafile: true,
  absWorkingDir: checkout,
} satisfies BuildOptions

/** The page in memory, for a recorder that runs from its sources. */
export async function bundlePage(): Promise<{ page: Buffer; worker: Buffer }> {
  const result = await build({ ...pageOptions, write: false })
  // Else its process would stay for as long as the recorder does.
  await stop()
  const output = (name: string) => Buffer.from(result.outputFiles.find((file) => file.path.endsWith(name))!.contents)
  return { page: output('page.js'), worker: output('worker.js') }
}

/** Writes everything that a recorder needs beside Node, Chromium and ffmpeg. */
export async function bundleRecorder(outdir: string): Promise<void> {
  await mkdir(outdir, { recursive: true })
  const page = await build({ ...pageOptions, outdir })
  const threads = new Set<string>()
  const main = await bundleForNode([path('./src/main.ts')], outdir, threads)
  // Threads may start threads; each is bundled once.
  const metafiles = [page.metafile, main]
  for (const thread of threads) metafiles.push(await bundleForNode([thread], outdir, threads))
  await copyFile(path('./src/room/page/index.html'), join(outdir, 'index.html'))
  await copyFile(path('./start.sh'), join(outdir, 'start.sh'))
  await writeFile(join(outdir, 'packages.json'), `${JSON.stringify(await packagesIn(metafiles), undefined, 2)}\n`)
  await stop()
}

async function bundleForNode(entryPoints: string[], outdir: string, threads: Set<string>): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints,
    bundle: true,
    // What is imported only when it is needed stays a file of its own.
    splitting: true,
    outdir,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'error',
    metafile: true,
    absWorkingDir: checkout,
    // Natives that ws uses if they are there.
    external: ['bufferutil', 'utf-8-validate'],
    // Packages in CommonJS call `require` for what Node brings.
    banner: { js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);" },
    plugins: [leaveOut, threadFiles(threads)],
  })
  return metafile
}

/** A recorder from sources builds its page; one that is built has it. */
const leaveOut: Plugin = {
  name: 'leave out the bundler',
  setup({ onResolve }) {
    onResolve({ filter: /^esbuild$/ }, ({ path }) => ({ path, external: true }))
  },
}

/** The file of `new Worker(new URL('./some.ts', import.meta.url))` becomes a bundle of its own beside main.js. */
const threadFiles = (threads: Set<string>): Plugin => ({
  name: 'worker threads',
  setup({ onLoad }) {
    onLoad({ filter: /recorder-image\/src\/.*\.ts$/ }, async ({ path: file }) => {
      const source = await readFile(file, 'utf8')
      const contents = source.replace(/new Worker\(new URL\('([^']+)\.ts', import\.meta\.url\)/g, (_, thread: string) => {
        threads.add(resolve(file, '..', `${thread}.ts`))
        return `new Worker(new URL('./${basename(thread)}.js', import.meta.url)`
      })
      return { contents, loader: 'ts' }
    })
  },
})

/** Name and version of each package of which something went into a bundle. */
async function packagesIn(metafiles: readonly Metafile[]): Promise<{ name: string; version: string; license: string }[]> {
  const folders = new Set(
    metafiles.flatMap(({ inputs }) =>
      Object.keys(inputs).flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0] ?? []),
    ),
  )
  const packages = [...folders].map(async (folder) => {
    const { name, version, license } = JSON.parse(await readFile(join(checkout, folder, 'package.json'), 'utf8'))
    return { name, version, license: typeof license === 'string' ? license : 'unknown' }
  })
  return (await Promise.all(packages)).sort((a, b) => (a.name < b.name ? -1 : 1))
}

if (process.argv[1] === import.meta.filename) {
  const outdir = process.argv[2] === undefined ? path('./dist') : resolve(process.argv[2])
  await bundleRecorder(outdir)
  console.log(`Wrote the recorder to ${outdir}`)
}
