/** Once for all end-to-end tests: the sandbox, from the sources as they are, and the chart. What was up before stays up. */
import { down } from '../../sandbox/src/sandbox.ts'
import { ensureSandbox, installChart } from './cluster.ts'

export default async function setup(): Promise<() => Promise<void>> {
  const { started } = await ensureSandbox()
  const end = async () => {
    if (started) await down()
  }
  try {
    await installChart()
  } catch (error) {
    await end()
    throw error
  }
  return end
}
