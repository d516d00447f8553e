import { setTimeout as sleep } from 'node:timers/promises'

/** Requests under way at once, from one client. */
const inFlight = 50

/** Does something n times, as fast as one client can, or with fewer requests at once. Gives the `performance.now()` at which each was sent. */
export async function createAll(n: number, create: (index: number) => Promise<unknown>, atOnce = inFlight): Promise<number[]> {
  const sent: number[] = []
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let index = next++; index < n; index = next++) {
        sent[index] = performance.now()
        await create(index)
      }
    }),
  )
  return sent
}

export async function waitFor(what: string, condition: () => boolean | Promise<boolean>, timeoutMillis = 480_000): Promise<void> {
  const end = performance.now() + timeoutMillis
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Gave up waiting until ${what}`)
    await sleep(50)
  }
}
