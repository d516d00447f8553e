import { setTimeout as sleep } from 'node:timers/promises'
import type { SdkUser } from '../../sandbox/src/room/sdk-user.ts'
import type { AssumptionId } from './assumptions.ts'
import type { Users } from './publisher.ts'
import type { Findings } from './report.ts'

/** Of each thing that the SDK tells of itself. */
const patienceSeconds = 20

/** What users of the room see of it while it is recorded. They come and go; the recorders and the anchor stay. */
export async function checkRoom(findings: Findings, users: Users, roomId: number): Promise<void> {
  const refusals: [AssumptionId, number, string][] = [
    ['usersig-expired', -70001, users.sign('late', { issuedAtSeconds: 1_700_000_000, expireSeconds: 60 })],
    ['usersig-unreadable', -70003, 'nonsense'],
    ['usersig-other-user', -70013, users.sign('somebody-else')],
  ]
  for (const [id, code, userSig] of refusals)
    await findings.during([id], async () => {
      const user = await users.enter({ roomId }, 'late', { userSig })
      const [said] = await user.next('onEnterRoom', patienceSeconds)
      await user.close()
      findings.judge(id, said === code, `the SDK says ${said}`)
    })
  await findings.during(['rooms-by-kind'], () => checkKinds(findings, users, roomId))
  await findings.during(['duplicate-user', 'media-udp', 'media-repair', 'media-capture-time', 'media-rotation'], async () => {
    const watcher = await users.enter({ roomId }, 'watcher')
    await watcher.next('onRemoteUserEnterRoom', patienceSeconds)
    await watcher.watch('anchor')
    await pictureShown(watcher)
    await checkLine(findings, watcher)
    await checkDuplicate(findings, users, roomId, watcher)
  })
}

async function pictureShown(watcher: SdkUser): Promise<void> {
  const deadline = performance.now() + patienceSeconds * 1000
  while (!(await watcher.inbound()).some(({ framesDecoded = 0 }) => framesDecoded > 0)) {
    if (performance.now() > deadline) throw new Error(`a user who watches saw no picture within ${patienceSeconds} s`)
    await sleep(200)
  }
}

async function checkKinds(findings: Findings, users: Users, roomId: number): Promise<void> {
  const stranger = await users.enter({ strRoomId: String(roomId) }, 'stranger')
  const [entered] = (await stranger.next('onEnterRoom', patienceSeconds)) as [number]
  if (entered < 0) throw new Error(`the SDK says ${entered} to a string room`)
  // Who is there already is told at once.
  await sleep(2000)
  const heard = (await stranger.events()).filter(([name]) => name === 'onRemoteUserEnterRoom').map(([, userId]) => userId)
  await stranger.leave()
  findings.judge(
    'rooms-by-kind',
    heard.length === 0,
    heard.length === 0 ? 'it heard of nobody' : `it heard of ${heard.join(', ')}`,
  )
}

async function checkLine(findings: Findings, watcher: SdkUser): Promise<void> {
  const { answer, protocol, remoteType } = await watcher.line()
  if (answer === '') throw new Error('the SDK has no connection in use')
  findings.judge(
    'media-udp',
    protocol === 'udp' && remoteType !== 'relay',
    `media comes by ${protocol || 'an unknown protocol'} from a candidate of type ${remoteType || 'unknown'}`,
  )
  const named = (patterns: readonly string[]) => patterns.filter((pattern) => answer.toLowerCase().includes(pattern))
  const judge = (id: AssumptionId, patterns: readonly string[]) => {
    const there = named(patterns)
    findings.judge(
      id,
      there.length === 0,
      there.length === 0 ? 'the answer names none of it' : `the answer names ${there.join(', ')}`,
    )
  }
  judge('media-repair', [' rtx/', 'ulpfec', 'flexfec'])
  judge('media-capture-time', ['abs-capture-time'])
  judge('media-rotation', ['video-orientation'])
}

async function checkDuplicate(findings: Findings, users: Users, roomId: number, first: SdkUser): Promise<void> {
  const second = await users.enter({ roomId }, 'watcher')
  const [entered] = (await second.next('onEnterRoom', patienceSeconds)) as [number]
  const ended = await first.next('kicked-out', patienceSeconds).catch(() => undefined)
  await second.leave()
  await first.close()
  findings.judge(
    'duplicate-user',
    entered >= 0 && ended?.[0] === 'kick',
    ended === undefined ? 'the first heard nothing' : `the first is told ${ended[0]}`,
  )
}
