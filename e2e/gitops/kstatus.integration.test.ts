import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { beforeAll, expect, test } from 'vitest'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { clipStates, policyStates, type State, states } from './states.ts'

const objects = [
  ...states.map((state) => ({ kind: 'Recording', ...state })),
  ...clipStates.map((state) => ({ kind: 'clip', ...state })),
  ...policyStates.map((state) => ({ kind: 'policy', ...state })),
]

/** kstatus's own library (sigs.k8s.io/cli-utils), which Helm's `--wait` and Flux use where they know no better. */
let verdicts: { status: State['kstatus']; message: string }[]
beforeAll(async () => {
  const { kstatus } = await ensureBinaries(['kstatus'])
  const child = spawn(kstatus, { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(objects.map(({ object }) => object)))
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')])
  verdicts = JSON.parse(said)
}, 300_000)

test.each(objects.map((state, index) => ({ ...state, index })))(
  'kstatus takes a $kind with $what for $kstatus',
  ({ index, kstatus }) => {
    expect(verdicts[index]?.status).toBe(kstatus)
  },
)
