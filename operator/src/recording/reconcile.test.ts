import { expect, test } from 'vitest'
import { Model } from './model.ts'

test('what is due while it is looked at is looked at again, for nobody else tells of it', async () => {
  // However early in the look the clock goes past the moment in which a container should be made.
  for (let early = 1; early <= 12; early += 1) {
    const model = new Model()
    await model.settle()
    model.schedules()
    await model.settle()
    const [pod] = model.pods
    const due = Date.parse(pod!.metadata.creationTimestamp) + 20_000
    let millis = due - early
    Object.defineProperty(model, 'now', { get: () => new Date(millis++) })
    await model.reconcile()
    const isTold = model.recording?.status?.conditions?.some(({ reason }) => reason === 'ContainerNotStarted')
    if (!isTold) expect(model.dueMillis - due, `${early} ms before`).toBeLessThan(100)
  }
})
