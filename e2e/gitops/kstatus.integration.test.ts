import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { beforeAll, expect, test } from 'vitest'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { type State, states } from './states.ts'

/** kstatus's own library (sigs.k8s.io/cli-utils), which Helm's `--wait` and Flux use where they know no better. */
let verdicts: { status: State['kstatus']; message: string }[]
beforeAll(async () => {
  const { kstatus } = await ensureBinaries(['kstatus'])
  const child = spawn(kstatus, { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(states.map(({ object }) => object)))
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')])
  verdicts = JSON.parse(said)
}, 300_000)

test.each(states.map((state, index) => ({ ...state, index })))(
  'kstatus takes a Recording with $what for $kstatus',
  ({ index, kstatus }) => {
    expect(verdicts[index]?.status).toBe(kstatus)
  },
)
