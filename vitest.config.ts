import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * What is drawn at random is the same in each run, so that a change is judged by itself; `SEED=random` looks for what nobody has seen yet, and
 * `make soak-…` do. Each such test says its seed.
 */
const seed = process.env.SEED === 'random' ? Date.now() % 1_000_000 : Number(process.env.SEED ?? 39040)
/** scripts/test.ts says where more files than one do each other no harm. */
const filesAtATime = Number(process.env.FILES_AT_A_TIME ?? 1)
/** And what runs with the time that others leave: of what it does nothing is measured by the clock, and it may have to wait for as long as the others take. */
const patience = process.env.LOWEST_PRIORITY === 'yes' ? 10 : 1
const shared = {
  env: { SEED: String(seed) },
  // The first line of a failure says what was found: of a run elsewhere there may be no more.
  chaiConfig: { truncateThreshold: 500 },
}

/** What takes longest begins first: begun late it would run alone in the end. Of all others the largest file does, which is vitest's own order. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification) => /\/operator\/.*\/(properties|admission|lives)\.test\.ts$/.test(moduleId)
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

/**
 * unit: no browser, no network beyond loopback, under 20 s in all. integration: real Chromium, ffmpeg, etcd and API server.
 * e2e: the sandbox's cluster.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          ...shared,
          setupFiles: ['scripts/same-random.ts'],
          include: ['{api,kube,operator,gateway,recorder-image,sandbox,e2e,bench,cli,replay,scripts}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.integration.test.ts', '**/*.e2e.test.ts'],
          // Half of the CPU time went into importing the same modules anew for each file.
          isolate: false,
          // Many wait for sockets and child processes more than they compute.
          maxWorkers: 3,
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'integration',
          ...shared,
          setupFiles: ['scripts/same-random.ts'],
          include: ['**/*.integration.test.ts'],
          exclude: ['**/node_modules/**'],
          globalSetup: ['e2e/system/build.ts'],
          testTimeout: 120_000 * patience,
          // What is polled for is awaited, however busy the machine is.
          expect: { poll: { timeout: 10_000 * patience } },
          hookTimeout: 180_000 * patience,
          fileParallelism: filesAtATime > 1,
          maxWorkers: filesAtATime,
          // Of a file whose tests are concurrent, and wait more than they compute.
          maxConcurrency: 3,
        },
      },
      {
        test: {
          name: 'e2e',
          ...shared,
          include: ['e2e/**/*.e2e.test.ts'],
          exclude: ['**/node_modules/**'],
          globalSetup: ['e2e/system/setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 1_800_000,
          fileParallelism: filesAtATime > 1,
          maxWorkers: filesAtATime,
        },
      },
    ],
  },
})
