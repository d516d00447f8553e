import { setTimeout as sleep } from 'node:timers/promises'
import type { Mode, Recording, StopReason } from '@trtc-recorder/api'
import { identities } from '../../sandbox/src/identities.ts'
import type { Report } from '../../sandbox/src/progress.ts'
import { kubectl, waitForCondition } from '../system/kubectl.ts'
import type { World } from '../system/world.ts'
import { nameByHttp, startByHttp } from './http.ts'

export const namespace = 'demo'
export const roomId = 43474
const room = { sdkAppId: identities.trtc.sdkAppId, roomId }
const clip = { width: 640, height: 360, fps: 15 }

/** One Recording of the demo, as examples/demo/<name>.yaml has it or a call of the gateway makes it, and how it is ended. */
export interface DemoRecording {
  name: string
  mode: Mode
  /** The recorder's user in the room. */
  recorder: string
  stopReason: StopReason
  /** As a person would call it. */
  how: string
}

export const recordings: readonly DemoRecording[] = [
  { name: 'lesson', mode: '02', recorder: 'recorder-full', stopReason: 'RemovedByApi', how: 'RemoveUser' },
  { name: nameByHttp, mode: '00', recorder: 'recorder-audio', stopReason: 'RoomDismissed', how: 'DismissRoom' },
  { name: 'call-centre', mode: '00', recorder: 'recorder-call', stopReason: 'RoomDismissed', how: 'DismissRoom' },
  {
    name: 'moderated-room',
    mode: '01',
    recorder: 'recorder-video',
    stopReason: 'StopRequested',
    how: 'kubectl patch desiredState',
  },
]

/** Of examples/demo/clips.yaml. */
export const clips = ['alice-begins', 'bob-is-back'] as const

/** Each way of stopping meets only its own Recordings, as long as the room is dissolved last. */
const endings = (['StopRequested', 'RemovedByApi', 'RoomDismissed'] as const).map((reason) =>
  recordings.filter(({ stopReason }) => stopReason === reason),
)

/** Who is in the room, what they send, and how many files of them a Recording must have. */
export const cast = {
  alice: { video: true, audio: true, times: 1 },
  bob: { video: true, audio: true, times: 2 },
  carol: { video: false, audio: true, times: 1 },
  dave: { video: true, audio: true, times: 0 },
} as const
export type Actor = keyof typeof cast
export const excluded: readonly Actor[] = ['dave']

/** Milliseconds since 1970. */
export interface Moments {
  applied: number
  /** When the one by HTTP was asked for. */
  posted: number
  /** By Recording: when its end was asked for. */
  stopped: Record<string, number>
}

/** Plays the lesson: four recorders in one room, people who come and go, and three ways to end a recording. */
export async function play(world: World, report: Report): Promise<Moments> {
  const enter = (userId: Actor) =>
    world.room.publish({ room, userId, video: cast[userId].video, audio: cast[userId].audio, clip })
  const cameraMuted = (muted: boolean) => world.room.setMuted({ room, userId: 'bob', kind: 'video', muted })

  await tell(report, 'alice and dave enter room 43474', () => Promise.all([enter('alice'), enter('dave')]))
  const applied = Date.now()
  await tell(report, 'kubectl apply -f examples/demo', () => kubectl('apply', '-f', 'examples/demo'))
  let posted = 0
  await tell(report, `POST /release/single_stream_record to the gateway, as the template is called: ${nameByHttp}`, async () => {
    posted = await startByHttp(world, { roomId, userId: recordings.find(({ name }) => name === nameByHttp)!.recorder })
  })
  await tell(report, 'Waiting for the recorders to be in the room', () =>
    Promise.all(recordings.map(({ name }) => waitForCondition(namespace, name, 'Started', 'True', { timeoutSeconds: 90 }))),
  )
  await tell(report, 'bob and carol enter', () => Promise.all([enter('bob'), enter('carol')]), 8)
  await tell(report, 'bob mutes his camera', () => cameraMuted(true), 6)
  await tell(report, 'bob turns his camera on again', () => cameraMuted(false), 6)
  await tell(report, 'bob leaves', () => world.room.leave({ room, userId: 'bob' }), 5)
  await tell(report, 'bob comes back', () => enter('bob'), 7)

  const stopped: Record<string, number> = {}
  for (const together of endings) {
    const [recording] = together as [DemoRecording]
    await tell(
      report,
      `${together.map(({ name }) => name).join(' and ')} ${together.length === 1 ? 'is' : 'are'} ended: ${recording.how}`,
      async () => {
        for (const { name } of together) stopped[name] = Date.now()
        await stop(world, recording)
      },
      3,
    )
  }
  return { applied, posted, stopped }
}

/** Waits until all is stored and told, and gives the Recordings as they then are. */
export async function settle(report: Report): Promise<Recording[]> {
  const finished: Recording[] = []
  await tell(report, 'Waiting until all is stored and the callbacks have arrived', async () => {
    for (const { name } of recordings) {
      await waitForCondition(namespace, name, 'Succeeded', 'True', { timeoutSeconds: 60 })
      finished.push(await waitForCondition(namespace, name, 'CallbackDelivered', 'True', { timeoutSeconds: 60 }))
    }
  })
  await tell(report, 'Waiting until two clips of the lesson are cut', () =>
    kubectl('wait', 'recordingclip', ...clips, '-n', namespace, '--for', 'condition=Succeeded', '--timeout', '60s'),
  )
  return finished
}

async function stop(world: World, { name, recorder, stopReason }: DemoRecording): Promise<void> {
  switch (stopReason) {
    case 'StopRequested':
      await kubectl('patch', 'recording', name, '-n', namespace, '--type', 'merge', '-p', '{"spec":{"desiredState":"Stopped"}}')
      break
    case 'RemovedByApi':
      await world.room.removeUser({ ...room, userId: recorder })
      break
    case 'RoomDismissed':
      await world.room.dismissRoom({ room })
      break
    default:
      throw new Error(`The demo does not know how to make a recording end with ${stopReason}`)
  }
}

/** One step on the screen; then time passes in the lesson. */
async function tell(report: Report, what: string, act: () => Promise<unknown>, thenSeconds = 0): Promise<void> {
  const step = report(what)
  try {
    await act()
    if (thenSeconds > 0) step.update(`recording for ${thenSeconds} s`)
    await sleep(thenSeconds * 1000)
    step.done()
  } catch (error) {
    step.failed((error as Error).message.split('\n')[0]!.slice(0, 200))
    throw error
  }
}
