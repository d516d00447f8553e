import { down, status, up } from '../../sandbox/src/sandbox.ts'
import { installOperator } from './operator.ts'
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
  return end
}
