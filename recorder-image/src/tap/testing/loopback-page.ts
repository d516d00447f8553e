/**
 * A page that receives as the SDK does (it makes the offer, its receivers come from addTransceiver) from a sender in the same page. For the
 * test of the tap; the room is not needed to know whether frames get from a receiver to Node. The video codec stands in the address
 * (`#H264`), and the picture's size changes in mid-stream. Says each second, as a warning, what the receiver's statistics are.
 */
import { tapReceivers } from '../../room/page/hooks.ts'
import type { ToPage, ToWorker } from '../../room/page/messages.ts'
import type { PageReport } from '../../room/protocol.ts'

const worker = new Worker('/worker.js')
const send = (message: ToWorker) => worker.postMessage(message)
const report = (report: PageReport) => send({ type: 'report', report })
tapReceivers(worker)

worker.onmessage = ({ data }: MessageEvent<ToPage>) => {
  if (data.type === 'connected') loop().catch((error) => report({ type: 'warning', message: String(error) }))
  if (data.type === 'newSubscription') report({ type: 'warning', message: `new ${data.kind} subscription in slot ${data.slot}` })
}
Object.assign(window, { startRecorder: (path: string) => send({ type: 'connect', url: `ws://${location.host}${path}` }) })

async function loop(): Promise<void> {
  const probe = new RTCPeerConnection()
  probe.addTransceiver('video', { direction: 'recvonly' })
  await probe.createOffer()
  probe.close()

  const receiver = new RTCPeerConnection()
  const sender = new RTCPeerConnection()
  receiver.onicecandidate = ({ candidate }) => candidate && sender.addIceCandidate(candidate)
  sender.onicecandidate = ({ candidate }) => candidate && receiver.addIceCandidate(candidate)
  receiver.addTransceiver('audio', { direction: 'sendonly' })
  receiver.addTransceiver('audio', { direction: 'recvonly' })
  const video = receiver.addTransceiver('video', { direction: 'recvonly' })
  const codec = `video/${location.hash.slice(1)}`
  video.setCodecPreferences(RTCRtpReceiver.getCapabilities('video')!.codecs.filter(({ mimeType }) => mimeType === codec))
  await receiver.setLocalDescription()
  await sender.setRemoteDescription(receiver.localDescription!)
  const [, audioSender, videoSender] = sender.getTransceivers()
  audioSender!.direction = 'sendonly'
  videoSender!.direction = 'sendonly'
  await audioSender!.sender.replaceTrack(tone())
  await videoSender!.sender.replaceTrack(picture())
  await sender.setLocalDescription()
  await receiver.setRemoteDescription(sender.localDescription!)
  setInterval(async () => {
    for (const entry of (await video.receiver.getStats()).values()) {
      if (entry.type !== 'inbound-rtp') continue
      const { framesReceived, framesDecoded, framesDropped, pliCount, firCount } = entry
      const keyFramesAskedFor = pliCount + firCount
      report({ type: 'warning', message: JSON.stringify({ framesReceived, framesDecoded, framesDropped, keyFramesAskedFor }) })
    }
  }, 1000)
}

function tone(): MediaStreamTrack {
  const context = new AudioContext()
  const oscillator = context.createOscillator()
  const destination = context.createMediaStreamDestination()
  oscillator.connect(destination)
  oscillator.start()
  return destination.stream.getAudioTracks()[0]!
}

function picture(): MediaStreamTrack {
  const canvas = document.createElement('canvas')
  canvas.width = 320
  canvas.height = 240
  const context = canvas.getContext('2d')!
  let n = 0
  setInterval(() => {
    n += 7
    if (n === 7 * 40) canvas.height = 180
    context.fillStyle = `hsl(${n % 360} 80% 50%)`
    context.fillRect(0, 0, 320, 240)
  }, 50)
  return canvas.captureStream(20).getVideoTracks()[0]!
}
