/**
 * The usual way bots record, as the baseline: the same SDK in the same browser, a MediaRecorder for each user, its chunks sent out of the page.
 */
import sdk, { TRTCAppScene, TRTCRoleType } from 'trtc-cloud-js-sdk'

/** The members used here; `_trtc` is the wrapper's inner instance. */
interface Cloud {
  _trtc: {
    on(event: 'track', listener: (event: { userId: string; streamType: string; track: MediaStreamTrack }) => void): void
  }
  setDefaultStreamRecvMode(audio: boolean, video: boolean): Promise<void>
  enterRoom(parameters: object, scene: number): Promise<void>
}

const mimeTypes: Record<string, { mimeType?: string }> = {
  vp8: { mimeType: 'video/webm;codecs=vp8,opus' },
  /** H.264 is copied then, and the sound encoded again. */
  none: {},
}

async function startBaseline(argument: string): Promise<void> {
  const { socket: address, enter, proxy, type } = JSON.parse(argument)
  const socket = new WebSocket(`ws://${location.host}${address}`)
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  const cloud = new (sdk as unknown as { new (): Cloud })()
  const streams = new Map<string, MediaStream>()
  cloud._trtc.on('track', ({ userId, streamType, track }) => {
    if (userId === '' || streamType !== 'main') return
    const stream = streams.get(userId) ?? new MediaStream()
    streams.set(userId, stream)
    if (stream.getTracks().some((present) => present.kind === track.kind)) return
    stream.addTrack(track)
    if (stream.getTracks().length === 2) record(userId, stream)
  })
  function record(userId: string, stream: MediaStream): void {
    const recorder = new MediaRecorder(stream, { ...mimeTypes[type], videoBitsPerSecond: 1_200_000, audioBitsPerSecond: 64_000 })
    // Chunks of all users share the socket; each begins with a byte that says whose it is.
    const user = new Uint8Array([streams.size - 1])
    recorder.ondataavailable = ({ data }) => socket.send(new Blob([user, data]))
    recorder.start(1000)
    socket.send(JSON.stringify({ recording: userId }))
  }
  await cloud.setDefaultStreamRecvMode(true, true)
  await cloud.enterRoom(
    { ...enter, role: TRTCRoleType.TRTCRoleAudience, enableAutoPlayDialog: false, proxy },
    TRTCAppScene.TRTCAppSceneLIVE,
  )
}

Object.assign(window, { startBaseline })
