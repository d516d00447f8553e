import { expect, it } from 'vitest'
import { demoPage } from './page.ts'

const name = 'lesson'
const evil = '</script><img src=x onerror="alert(1)">'
const input = {
  room: evil,
  summary: {
    recordings: [
      {
        name,
        mode: '00' as const,
        stopReason: 'Idle' as const,
        files: [],
        callback: undefined,
        timings: { applyToStartedMs: 900, stopToStoredMs: 1500, stopToCallbackMs: 1600 },
      },
    ],
  },
  manifests: {
    [name]: {
      version: 1 as const,
      recording: { namespace: 'demo', name, uid: '' },
      sdkAppId: 1,
      roomId: 1,
      mode: '00' as const,
      startTime: '2026-01-01T10:00:00.000Z',
      endTime: '2026-01-01T10:00:40.000Z',
      stopReason: 'Idle' as const,
      files: [],
      losses: [],
      outputs: [],
      live: [],
      liveSound: [],
      pauses: [],
      clockSteps: [],
      events: [{ time: '2026-01-01T10:00:01.000Z', userId: evil, stream: 'main' as const, event: 'enter' as const }],
    },
  },
  excluded: { [name]: ['dave'] },
  links: {},
  callbackBodies: { [name]: { Message: evil } },
}

it('never lets a name become markup', () => {
  const page = demoPage(input)
  expect(page).not.toContain('<img')
  expect(page.match(/<script/g)).toHaveLength(2)
})

it('gives an excluded user a lane that says so', () => {
  expect(demoPage(input)).toMatch(/data-user="dave".*excluded/s)
})

it('is the same for the same input', () => expect(demoPage(input)).toBe(demoPage(input)))
