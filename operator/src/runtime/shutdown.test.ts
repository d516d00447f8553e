import { describe, expect, it } from 'vitest'
import { createLog } from '../telemetry/log.ts'
import { shutDown } from './shutdown.ts'

function logged() {
  const messages: string[] = []
  const log = createLog('debug', { write: (line) => void messages.push(JSON.parse(line).msg) })
  return { log, messages }
}

describe('shutDown', () => {
  it('runs the steps one after the other', async () => {
    const { log, messages } = logged()
    const order: string[] = []
    const step = (name: string, millis: number) => ({
      done: `${name} done`,
      run: async () => {
        order.push(`${name} begins`)
        await new Promise((resolve) => setTimeout(resolve, millis))
        order.push(`${name} ends`)
      },
    })
    await shutDown([step('first', 10), step('second', 0)], { deadlineMillis: 1000, log })
    expect(order).toEqual(['first begins', 'first ends', 'second begins', 'second ends'])
    expect(messages).toEqual(['first done', 'second done'])
  })

  it('leaves behind what takes too long, and still runs the rest', async () => {
    const { log, messages } = logged()
    const left: number[] = []
    await shutDown(
      [
        { done: 'hangs', run: () => new Promise(() => {}) },
        { done: 'Released', run: (millisLeft) => left.push(millisLeft) },
      ],
      { deadlineMillis: 30, log },
    )
    expect(messages).toEqual(['Shutdown step did not end in time and was left behind', 'Released'])
    expect(left[0]).toBeLessThan(5)
  })

  it('goes on after a step that fails, also one that throws at once', async () => {
    const { log, messages } = logged()
    await shutDown(
      [
        {
          done: 'fails',
          run: () => {
            throw new Error('a defect')
          },
        },
        { done: 'rejects', run: () => Promise.reject(new Error('refused')) },
        { done: 'Released', run: () => {} },
      ],
      { deadlineMillis: 1000, log },
    )
    expect(messages).toEqual(['Shutdown step failed', 'Shutdown step failed', 'Released'])
  })
})
