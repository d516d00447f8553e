import type { ClipJob, ManifestFile } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { cuttingsOf, mediaSecondsAt } from './clip-plan.ts'

const at = (seconds: number) => new Date(Date.UTC(2026, 2, 1, 9) + seconds * 1000).toISOString()

/** A file of a user from one second of the recording to another; `times`: what second of the recording a second of the file is. */
function aFile(userId: string, from: number, to: number, over: { stream?: 'main' | 'aux'; times?: [number, number][] } = {}) {
  const { stream = 'main', times = [[0, from] as [number, number], [to - from, to] as [number, number]] } = over
  return {
    ...{ userId, stream, path: `lessons/${userId}_${from}.mp4`, startTime: at(from), endTime: at(to) },
    durationSeconds: times.at(-1)![0],
    times: times.map(([mediaSeconds, second]) => ({ mediaSeconds, time: at(second) })),
  } as unknown as ManifestFile
}

const cuttings = (files: ManifestFile[], job: Partial<ClipJob>) =>
  cuttingsOf(files, {
    from: at(0),
    to: at(100),
    users: [],
    streams: ['main', 'aux'],
    ...job,
  } as ClipJob).map(({ file, fromSeconds, toSeconds, startTime }) => [file.path, fromSeconds, toSeconds, startTime.toISOString()])

describe('a clip has', () => {
  test('of each file what lies between its two times, and when that begins', () => {
    const files = [aFile('alice', 0, 60), aFile('bob', 25, 35), aFile('carol', 40, 50), aFile('dave', 0, 20)]
    expect(cuttings(files, { from: at(20), to: at(40) })).toEqual([
      ['lessons/alice_0.mp4', 20, 40, at(20)],
      ['lessons/bob_25.mp4', 0, 10, at(25)],
    ])
  })

  test('both files of a user who left and came back', () => {
    expect(cuttings([aFile('alice', 30, 60), aFile('alice', 0, 20)], { from: at(10), to: at(40) })).toEqual([
      ['lessons/alice_0.mp4', 10, 20, at(10)],
      ['lessons/alice_30.mp4', 0, 10, at(30)],
    ])
  })

  test('only the users and the streams that are asked for', () => {
    const files = [aFile('alice', 0, 60), aFile('student_1', 0, 60), aFile('student_2', 0, 60, { stream: 'aux' })]
    expect(cuttings(files, { users: ['student_.*$'], streams: ['main'] })).toEqual([['lessons/student_1_0.mp4', 0, 60, at(0)]])
  })

  test('nothing of time that was taken out of a file, and what is around it', () => {
    // 20 s to 50 s are not in the file.
    const file = aFile('alice', 0, 60, {
      times: [
        [0, 0],
        [20, 20],
        [20, 50],
        [30, 60],
      ],
    })
    expect(cuttings([file], { from: at(10), to: at(55) })).toEqual([['lessons/alice_0.mp4', 10, 25, at(10)]])
    expect(cuttings([file], { from: at(25), to: at(45) })).toEqual([])
    // It begins when what is in it was.
    for (const from of [20, 35, 50])
      expect(cuttings([file], { from: at(from), to: at(55) })).toEqual([['lessons/alice_0.mp4', 20, 25, at(50)]])
    expect(mediaSecondsAt(file, Date.parse(at(52.5)))).toBe(22.5)
  })

  test('the right place of a file whose manifest has no times', () => {
    const file = { ...aFile('alice', 10, 60), durationSeconds: 50, times: [] }
    expect(cuttings([file], { from: at(15), to: at(70) })).toEqual([['lessons/alice_10.mp4', 5, 50, at(15)]])
  })
})
