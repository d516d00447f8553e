import { test as base } from 'vitest'
import { World } from './world.ts'

/** A test with a world of its own, which says what went on in it where it fails. */
export const test = base.extend<{ world: World }>({
  world: async ({ onTestFailed }, use) => {
    const world = await World.start()
    onTestFailed(() => console.error(world.output))
    await use(world)
    await world.close()
  },
})
