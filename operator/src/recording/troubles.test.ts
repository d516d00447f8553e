import { type Trouble, type TroubleWord, troubles } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { mostFailuresInARow } from './attempts.ts'
import { isFinished } from './fencing.ts'
import { scenes } from './testing-scenes.ts'
import type { World } from './testing-world.ts'

const numberOfAttempts = (world: World) => world.status.attempts?.at(-1)?.number ?? 0
const claimOf = (world: World) =>
  world.pod.spec?.volumes?.find((volume) => volume.persistentVolumeClaim)?.persistentVolumeClaim?.claimName

describe.each(Object.entries(troubles) as [TroubleWord, Trouble][])(
  '%s',
  (word, { next, after, condition, counts, seen, remedy, meaning }) => {
    const { first, again } = scenes[word]

    test('says what it is and what to do', () => {
      const world = first()
      // A volume that was lost does not stop the next attempt, and a sick node not at once; both are told when they count.
      if (word !== 'VolumeLost' && word !== 'VolumeUnreachable')
        expect(world.is('Succeeded')).toMatch(new RegExp(` ${condition}$`))
      expect(meaning).toMatch(/\.$/)
      expect(remedy).toMatch(/\.$/)
    })

    if (next === 'over') {
      test('ends the recording', () => {
        expect(isFinished(first().recording)).toBe(true)
      })
    }

    if (next === 'stay') {
      test('is waited for, and looked at less and less often', () => {
        const world = first()
        const pods = world.pods.map((pod) => pod.metadata.name)
        expect(world.after(after.longestSeconds * 3).pods.map((pod) => pod.metadata.name)).toEqual(pods)
        expect(world.is('Succeeded')).toBe(`Unknown ${condition}`)
        expect(world.nextLookSeconds).toBe(after.longestSeconds)
      })
    }

    if ((next === 'again' || next === 'wait') && seen !== 'refusal' && word !== 'ContainerNotStarted') {
      test('is followed by a new attempt when its time has come', () => {
        const world = first()
        const number = numberOfAttempts(world)
        if (after.firstSeconds > 0) expect(numberOfAttempts(world.after(after.firstSeconds - 1))).toBe(number)
        expect(numberOfAttempts(world.after(1))).toBe(number + 1)
      })
    }

    if (seen === 'refusal' && next === 'wait') {
      test('is asked for again when its time has come, and later each time', () => {
        const world = first()
        const waits = [world.nextLookSeconds]
        for (let time = 2; time <= 10; time += 1) waits.push(world.after(waits.at(-1)!).nextLookSeconds)
        expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300, 300])
        world.refuses = {}
        expect(world.after(299).pods).toEqual([])
        expect(world.after(1).pods).toHaveLength(1)
        expect(world.is('Succeeded')).toBe('Unknown Pending')
      })
    }

    if (next === 'elsewhere') {
      test('is followed by a new attempt on a volume of its own', () => {
        const world = first().after(after.firstSeconds)
        expect(claimOf(world)).not.toBe('math')
        expect(world.claims.map(({ metadata }) => metadata.name)).toContain(claimOf(world))
      })
    }

    if (counts && again !== undefined) {
      test('ends the recording when it is the fifth in a row', () => {
        let world = first()
        for (let time = 2; time < mostFailuresInARow; time += 1) world = again(world.after(300))
        // One that got into the room is no failure to start.
        if (word === 'Interrupted') world = again(world.after(300))
        expect(world.status.stopReason).toBeUndefined()
        expect(again(world.after(300)).status.stopReason).toMatch(/NeverStarted|RoomLost/)
      })
    }
  },
)

test('a container that cannot be started has its Pod made anew', () => {
  const world = scenes.ContainerNotStarted.first()
  const { firstSeconds } = troubles.ContainerNotStarted.after
  expect(world.after(firstSeconds - 1).pod.metadata.deletionTimestamp).toBeUndefined()
  expect(world.after(1).pod.metadata.deletionTimestamp).toBeDefined()
})

test('a Secret that appears is found by the next attempt', () => {
  const world = scenes.SecretNotFound.first().after(5).scheduled().inRoom()
  expect(world.is('Started')).toBe('True Entered')
  expect(world.is('Succeeded')).toBe('Unknown Recording')
})

test('nothing is tried, or looked at, at a fixed rate without end', () => {
  const rows: [string, Trouble][] = Object.entries(troubles)
  // What counts ends the recording the fifth time, and what goes elsewhere has as many volumes as there may be.
  const endless = rows.filter(([, { next, counts }]) => next === 'stay' || next === 'wait' || (next === 'again' && !counts))
  expect(endless.length).toBeGreaterThan(10)
  for (const [word, { after }] of endless) expect(after.longestSeconds, word).toBeGreaterThan(after.firstSeconds)
})
