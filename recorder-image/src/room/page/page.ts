/**
 * Runs in Chromium: enters one room with the unmodified SDK and reports what happens there. It decides nothing; Node says whom to receive.
 * A page is used for one entry only: after a failed one the SDK cannot enter the same room again from the same page.
 */
import './quiet-audio.ts'
import type { Stream } from '@trtc-recorder/api'
import { TRTCAppScene, TRTCRoleType, TRTCVideoStreamType } from 'trtc-cloud-js-sdk'
import type { Ending, PageEvent } from '../events.ts'
import type { PageCommand, PageReport } from '../protocol.ts'
import { Binder } from './binder.ts'
import { tapReceivers } from './hooks.ts'
import type { ToPage, ToWorker } from './messages.ts'
import { refusalCode } from './refusal-code.ts'
import { RepairHistory } from './repair-counts.ts'
import {
  type Cloud,
  createCloud,
  onKickedOut,
  onPublishState,
  ownersOfSsrcs,
  paramsWithProxy,
  rebuildMedia,
  receiveTheRest,
} from './sdk.ts'

type Event = PageEvent extends infer E ? (E extends { timeMicros: number } ? Omit<E, 'timeMicros'> : never) : never
type Media = { stream: Stream; kind: 'audio' | 'video' }

const aliveMillis = 500
/** The SDK tells of a refusal in two events, the code first and the text a moment later. */
const refusalTextMillis = 200
/** What comes later than that after its user left is hardly of use: it may belong to no file any more. */
const restMillis = 1000
/** Just before it is over. */
const tellEndsAfterMillis = restMillis - 50
/** From the last picture before a hole to a look at it, beyond the hole itself. */
const onItsWayMillis = 500

const worker = new Worker('/worker.js')
const send = (message: ToWorker) => worker.postMessage(message)
const report = (report: PageReport) => send({ type: 'report', report })
const nowMicros = () => Math.round((performance.timeOrigin + performance.now()) * 1000)
const reportEvent = (event: Event) => report({ type: 'room', event: { ...event, timeMicros: nowMicros() } as PageEvent })

const connections = tapReceivers(worker)
const repairs = new RepairHistory(connections.repairs)
let cloud: Cloud | undefined
const binder = new Binder(
  () => (cloud === undefined ? new Map() : ownersOfSsrcs(cloud)),
  (media, owner) => reportEvent({ type: 'bound', ...media, ...owner }),
)

worker.onmessage = ({ data }: MessageEvent<ToPage>) => {
  if (data.type === 'connected') {
    report({ type: 'ready' })
    setInterval(() => report({ type: 'alive' }), aliveMillis)
    repairs.start()
  } else if (data.type === 'command') obey(data.command)
  else if (data.type === 'hole') {
    const { slot, ssrc, rtpTimestamp, millis } = data
    repairs
      .since(ssrc, millis + onItsWayMillis)
      .then((repair) => report({ type: 'hole', slot, ssrc, rtpTimestamp, ...repair }))
      // Of a stream that is over nothing is counted any more.
      .catch(() => {})
  } else if (data.type === 'silence') {
    const { slot, ssrc, rtpTimestamp, millis } = data
    // The stream may end before it is known whether what is missing is repaired; what comes after all says so by itself.
    repairs
      .untilNow(ssrc, millis + onItsWayMillis)
      .then(({ lost, quietMillis }) => {
        const open = { openMicros: nowMicros(), quietMicros: Math.round(quietMillis * 1000) }
        report({ type: 'hole', slot, ssrc, rtpTimestamp, lost, ...open })
      })
      .catch(() => {})
  } else binder.bind(data)
}
window.addEventListener('error', (event) => report({ type: 'warning', message: `Page: ${event.message}` }))
window.addEventListener('unhandledrejection', (event) => report({ type: 'warning', message: `Page: ${event.reason}` }))

/** Called by Node through the debugger's pipe, with the one-time address of the tap. */
Object.assign(window, { startRecorder: (tapPath: string) => send({ type: 'connect', url: `ws://${location.host}${tapPath}` }) })

function obey(command: PageCommand): void {
  switch (command.type) {
    case 'enter':
      enter(command).catch((error) => reportEvent({ type: 'refused', trtcCode: undefined, message: String(error) }))
      return
    case 'subscribe':
      inTurn(command.userId, () => subscribe(command.userId, command))
      return
    case 'unsubscribe':
      inTurn(command.userId, () => unsubscribe(command.userId, command))
      return
    case 'resubscribe':
      inTurn(command.userId, () => resubscribe(command.userId, command.media))
      return
    case 'look':
      connections.path().then((path) => report({ type: 'path', ...path }), warn)
      return
    case 'rebuildMedia':
      if (cloud) rebuildMedia(cloud).catch(warn)
      return
    case 'leave':
      Promise.resolve(cloud?.exitRoom()).finally(() => report({ type: 'left' }))
      return
    case 'lastWord':
      repairs.end().finally(() => report({ type: 'flushed', id: command.id }))
      return
    case 'flush':
    case 'clock':
    case 'requestKeyFrame':
      return // the worker's business
  }
}

async function enter({
  type: _,
  batchMillis: _later,
  networkProxy,
  ...credentials
}: Extract<PageCommand, { type: 'enter' }>): Promise<void> {
  cloud = createCloud()
  listen(cloud)
  // Nothing is received unless Node asks for it, user by user: so an excluded user's media never flows.
  await cloud.setDefaultStreamRecvMode(false, false)
  const params = { ...credentials, role: TRTCRoleType.TRTCRoleAudience, enableAutoPlayDialog: false }
  await cloud.enterRoom(paramsWithProxy(params, networkProxy), TRTCAppScene.TRTCAppSceneLIVE)
}

function listen(cloud: Cloud): void {
  let refusal: number | undefined
  let isIn = false
  cloud.on('onEnterRoom', (result: number) => {
    if (result >= 0) {
      isIn = true
      receiveTheRest(cloud, restMillis)
      return reportEvent({ type: 'entered' })
    }
    refusal = result
    setTimeout(() => {
      if (refusal !== undefined) refused(result, 'TRTC did not say why')
    }, refusalTextMillis)
  })
  const refused = (code: number, message: string) => {
    refusal = undefined
    reportEvent({ type: 'refused', trtcCode: refusalCode(code, message), message })
  }
  cloud.on('onError', (code: number | undefined, message: unknown) => {
    const text = String(message)
    if (refusal !== undefined) return refused(code ?? refusal, text)
    // 5400: the SDK could not join again after a reconnect and has left the room; there is no onExitRoom then.
    // 5500 "firewall restrictions" comes in a signalling outage that the SDK goes on fighting.
    if (isIn && code === 5400) return ended('RoomLost', `The SDK could not join the room again: ${text}`)
    report({ type: 'warning', message: `SDK: ${text}`, ...(typeof code === 'number' ? { code } : {}) })
  })
  const ended = (reason: Ending, message: string) => reportEvent({ type: 'ended', reason, message })
  cloud.on('onExitRoom', (reason: number) => {
    if (reason === 1) ended('RemovedByApi', 'The recorder was removed from the room')
    if (reason === 2) ended('RoomDismissed', 'The room was dissolved')
  })
  onKickedOut(cloud, (reason) => {
    if (reason === 'kick') ended('DuplicateUser', 'Somebody else entered the room with the recorder’s userId')
  })
  cloud.on('onConnectionLost', () => reportEvent({ type: 'connectionLost' }))
  cloud.on('onConnectionRecovery', () => reportEvent({ type: 'connectionRecovered' }))

  cloud.on('onRemoteUserEnterRoom', (userId: string) => reportEvent({ type: 'anchorEntered', userId }))
  cloud.on('onRemoteUserLeaveRoom', (userId: string) => reportEvent({ type: 'anchorLeft', userId }))
  onPublishState(cloud, (userId, published) => {
    for (const stream of ['main', 'aux'] as const)
      reportEvent({ type: 'published', userId, stream, published: published[stream] })
  })
  const available = (stream: Stream, kind: 'audio' | 'video') => (userId: string, available: boolean | number) => {
    reportEvent({ type: 'available', userId, stream, kind, available: Boolean(available) })
    if (kind === 'video' && !available) setTimeout(() => send({ type: 'tellEnds' }), tellEndsAfterMillis)
  }
  cloud.on('onUserAudioAvailable', available('main', 'audio'))
  cloud.on('onUserVideoAvailable', available('main', 'video'))
  cloud.on('onUserSubStreamAvailable', available('aux', 'video'))
}

/** The SDK builds each subscription on the state of the one before, so those of one user must not overlap. */
const turns = new Map<string, Promise<void>>()
function inTurn(userId: string, action: () => Promise<void>): void {
  const turn = (turns.get(userId) ?? Promise.resolve()).then(action).catch((error) => {
    report({ type: 'warning', message: `Subscribing to ${userId} failed: ${error}` })
  })
  turns.set(userId, turn)
  turn.finally(() => turns.get(userId) === turn && turns.delete(userId))
}

async function subscribe(userId: string, { stream, kind }: Media): Promise<void> {
  if (kind === 'audio') await cloud?.muteRemoteAudio(userId, false)
  // No view: the SDK then subscribes without building an element that would render.
  else await cloud?.startRemoteView(userId, undefined as unknown as HTMLElement, streamType(stream))
  binder.remember()
}

async function unsubscribe(userId: string, { stream, kind }: Media): Promise<void> {
  if (kind === 'audio') await cloud?.muteRemoteAudio(userId, true)
  else await cloud?.stopRemoteView(userId, streamType(stream))
}

/** What the SDK takes for subscribed it does not ask for again: so it is given up first. */
async function resubscribe(userId: string, media: Media[]): Promise<void> {
  for (const one of media) await unsubscribe(userId, one)
  for (const one of media) await subscribe(userId, one)
}

const streamType = (stream: Stream) =>
  stream === 'aux' ? TRTCVideoStreamType.TRTCVideoStreamTypeSub : TRTCVideoStreamType.TRTCVideoStreamTypeBig

const warn = (error: unknown) => report({ type: 'warning', message: `Page: ${error}` })
