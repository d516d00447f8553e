/**
 * One look at a cloud: keys for a folder of the bucket, uploads tried on an object, an anchor in a room of its own with two recorders, of which one is
 * removed and one ends with the room. Whatever happens, nothing is left there: objects, unfinished uploads, the room.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RecorderProcess } from '../recorder/recorder-process.ts'
import { assumption, assumptionIds } from './assumptions.ts'
import { bucketWith, type Keys } from './bucket.ts'
import { cloudApi, NotAsDocumented, RefusedByApi } from './cloud.ts'
import { startUsers, type Users } from './publisher.ts'
import { enterSeconds, startRecorder } from './recorders.ts'
import { checkResult, endRecorder } from './recording-checks.ts'
import { Findings } from './report.ts'
import { checkRoom } from './room-checks.ts'
import type { Settings } from './settings.ts'
import { checkStore } from './store-checks.ts'

/** Of what is recorded, the part in which the camera is muted. */
const mutedShare = 1 / 4

export class Run {
  readonly findings = new Findings()
  /** All that must not be in a report. */
  readonly secrets: string[] = []
  readonly #settings: Settings
  readonly #directory: string
  readonly #report: (step: string) => void
  readonly #roomId = randomInt(1_000_000_000, 4_000_000_000)
  readonly #folder = `trtc-recorder-verify/${Date.now()}`
  readonly #recorders: RecorderProcess[] = []
  #users: Users | undefined
  #cleared: Promise<string[]> | undefined

  /** @param directory for files of the recorders, removed by the caller */
  constructor(settings: Settings, directory: string, report: (step: string) => void) {
    this.#settings = settings
    this.#directory = directory
    this.#report = report
  }

  /** Never rejects: what could not be looked at is not checked. */
  async look(): Promise<void> {
    const keys = await this.#temporaryKeys()
    this.#report('Uploading to COS')
    await checkStore(this.findings, this.#settings, { keys, folder: this.#folder })
    const inRoom = assumptionIds.filter((id) => assumption(id).check.by === 'run' && this.findings.isOpen(id))
    await this.findings.during(inRoom, () => this.#record(keys))
  }

  /** Without them the run goes on with the account's own keys. */
  async #temporaryKeys(): Promise<Keys> {
    this.#report('Asking STS for temporary keys')
    const { secretId, secretKey } = this.#settings
    try {
      const keys = await cloudApi(this.#settings).temporaryKeys(this.#folder)
      this.secrets.push(keys.token, keys.secretKey, keys.secretId)
      this.findings.holds('sts-federation', 'it gave all three')
      return keys
    } catch (error) {
      const { message } = error as Error
      // An account that may not ask is no difference.
      const isDifferent =
        error instanceof NotAsDocumented || (error instanceof RefusedByApi && error.code.startsWith('InvalidParameter'))
      if (isDifferent) this.findings.differs('sts-federation', message)
      else this.findings.unchecked('sts-federation', message)
      this.findings.unchecked('cos-temporary-keys', `there are none: ${message}`)
      return { secretId, secretKey }
    }
  }

  async #record(keys: Keys): Promise<void> {
    const { seconds, patienceSeconds } = this.#settings
    const { findings } = this
    const roomId = this.#roomId
    this.#report('An anchor enters a room in a Chromium of its own')
    const users = await startUsers(this.#settings, (secret) => this.secrets.push(secret))
    this.#users = users
    const anchor = await users.enter({ roomId }, 'anchor', { role: 'anchor' })
    const [entered] = (await anchor.next('onEnterRoom', enterSeconds)) as [number]
    if (entered < 0) {
      findings.differs('room-enter', `the SDK says ${entered}`)
      throw new Error('the anchor could not enter the room')
    }
    await anchor.publishCameraAndMicrophone()
    findings.holds('room-enter', 'it entered and publishes')

    this.#report('Two recorders enter')
    const enter = async (userId: string) => {
      const where = { roomId, folder: this.#folder, directory: this.#directory }
      const recorder = await startRecorder({ settings: this.#settings, keys, name: userId, userId, ...where })
      this.#recorders.push(recorder)
      await inTheRoom(recorder)
      return recorder
    }
    // One after the other: a small machine has enough to do to start one Chromium.
    const kicked = await enter('recorder-kicked')
    const dismissed = await enter('recorder-dismissed')
    findings.holds('usersig-signed', 'both are in the room')

    this.#report(`The anchor publishes for ${seconds} s, others come and go`)
    const begun = performance.now()
    const until = (share: number) => sleep(Math.max(0, begun + seconds * share * 1000 - performance.now()))
    await until(mutedShare)
    await anchor.muteVideo(true)
    await sleep(seconds * mutedShare * 1000)
    await anchor.muteVideo(false)
    await checkRoom(findings, users, roomId)
    await until(1)

    const api = cloudApi(this.#settings)
    this.#report('RemoveUser for one recorder')
    let isOtherOver = false
    void dismissed.ended.then(() => {
      isOtherOver = true
    })
    const removal = { id: 'kick-removed', wanted: 'RemovedByApi', act: () => api.removeUser(roomId, 'recorder-kicked') } as const
    await endRecorder(findings, kicked, removal, patienceSeconds)
    if (isOtherOver) findings.differs('kick-removed', 'the other recorder ended too')

    this.#report('DismissRoom for the other')
    const dissolution = { id: 'dissolve-dismissed', wanted: 'RoomDismissed', act: () => api.dismissRoom(roomId) } as const
    const result = await endRecorder(findings, dismissed, dissolution, patienceSeconds)
    await findings.during(['api-room-unknown'], async () => {
      const said = await api.dismissRoom(roomId).then(
        () => 'it was taken',
        (error: unknown) => {
          if (error instanceof RefusedByApi) return error.code
          throw error
        },
      )
      findings.judge('api-room-unknown', said === 'FailedOperation.RoomNotExist', said)
    })
    if (result === undefined) throw new Error('the recorder said no result')
    this.#report('Looking at what is in COS')
    const context = {
      settings: this.#settings,
      bucket: bucketWith(keys, this.#settings),
      hasTemporaryKeys: keys.token !== undefined,
    }
    await checkResult(findings, result, context)
  }

  /** Ends all and takes away all that the run made in the cloud. What is left is told for a person; again waits for the same. */
  clear(): Promise<string[]> {
    this.#cleared ??= this.#clear()
    return this.#cleared
  }

  async #clear(): Promise<string[]> {
    this.#report('Taking away what was made')
    for (const recorder of this.#recorders) recorder.kill('SIGTERM')
    await Promise.race([Promise.all(this.#recorders.map(({ ended }) => ended)), sleep(20_000, undefined, { ref: false })])
    for (const recorder of this.#recorders) recorder.kill('SIGKILL')
    await this.#users?.close().catch(() => {})
    const left: string[] = []
    if (this.#users !== undefined) {
      await cloudApi(this.#settings)
        .dismissRoom(this.#roomId)
        .catch((error: Error) => {
          // A room that is gone is what is wanted.
          if (!(error instanceof RefusedByApi && error.code.startsWith('FailedOperation.RoomNot')))
            left.push(`the room, until it ends by itself: ${error.message}`)
        })
    }
    // The temporary keys may be the reason for whatever went wrong.
    const bucket = bucketWith(this.#settings, this.#settings)
    try {
      const made = await bucket.below(this.#folder)
      for (const { key, upload } of made.uploads) await bucket.abort(key, upload)
      for (const key of made.keys) await bucket.remove(key)
      const still = await bucket.below(this.#folder)
      left.push(...still.keys, ...still.uploads.map(({ key }) => `an unfinished upload of ${key}`))
    } catch (error) {
      left.push(`what is below ${this.#folder}/ in the bucket: ${(error as Error).message}`)
    }
    return left
  }
}

/** The recorder itself gives up after its startTimeoutSeconds, and says why. */
async function inTheRoom(recorder: RecorderProcess): Promise<void> {
  const entered = recorder.logged({ msg: 'Room entered' }).then(
    () => true,
    () => false,
  )
  if (await entered) return
  const { result } = await recorder.ended
  throw new Error(`the recorder did not enter the room: ${result?.message ?? 'it ended without a word'}`)
}
