import { down, status, up } from '../../sandbox/src/sandbox.ts'
import { kubectl } from './kubectl.ts'
import { installOperator, ofATest } from './operator.ts'
import { runningWorld } from './world.ts'

/** Once for all end-to-end tests: the sandbox and the operator, from the sources as they are. What was up before stays up. */
export default async function setup(): Promise<() => Promise<void>> {
  const { cluster, services } = await status()
  const wasDown = [cluster, ...Object.values(services)].every(({ state }) => state === 'down')
  const end = async () => {
    if (wasDown) await down()
  }
  try {
    await up()
    await installOperator(runningWorld())
  } catch (error) {
    await end()
    throw error
  }
  return async () => {
    try {
      await nothingIsStuck()
    } finally {
      await end()
    }
  }
}

/** Throws where something in the namespace of a test keeps it from going. */
async function nothingIsStuck(): Promise<void> {
  const [label] = Object.entries(ofATest).map(([name, value]) => `${name}=${value}`)
  const going = ['namespaces', '--selector', label!, '--field-selector', 'status.phase=Terminating']
  // Where there is none, `kubectl wait` calls that an error.
  if ((await kubectl('get', ...going, '-o', 'name')) === '') return
  await kubectl('wait', ...going, '--for=delete', '--timeout=60s')
}
