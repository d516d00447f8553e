import { seeded } from '../../media/testing/sender.ts'

/** What a user and their network do, one thing after the other, in milliseconds. */
export type Act =
  | { type: 'nothing' }
  /** The camera makes no pictures, and nobody says so. */
  | { type: 'cameraRests'; forMillis: number }
  | { type: 'muteVideo'; forMillis: number }
  /** The encoder begins anew, and takes its time. */
  | { type: 'size'; restMillis: number }
  | { type: 'codec'; restMillis: number }
  | { type: 'leave'; forMillis: number }
  /** The stream is published anew without a word that its user left. */
  | { type: 'republish'; forMillis: number }
  /** The connection for media is built anew. */
  | { type: 'reconnect'; forMillis: number }
  /** The sender's clocks are set, while pictures and sound go on. */
  | { type: 'clockJumps'; seconds: number }
  /** The receiver counts from 0 again. */
  | { type: 'countersBeginAgain' }

export interface Loss {
  fromMillis: number
  forMillis: number
  percent: number
  /** What was lost comes so much later, if it does. */
  repairMillis: number | undefined
}

export interface Plan {
  seed: number
  firstCodec: Codec
  acts: { afterMillis: number; act: Act }[]
  losses: Loss[]
}

export type Codec = 'video/H264' | 'video/VP8'

interface Packet {
  sequence: number
  /** Infinite for one that never comes. */
  arrivalMillis: number
}
export interface SentPicture {
  ssrc: number
  rtpTimestamp: number
  atMillis: number
  key: boolean
  codec: Codec
  width: number
  /** Of H.264, since the last key frame. */
  number: number
  packets: Packet[]
  /** When Chromium hands it out, if it does. */
  handedOutMillis: number
}
export interface SentSound extends Packet {
  ssrc: number
  rtpTimestamp: number
  atMillis: number
}
export type Said =
  | { atMillis: number; type: 'available'; kind: 'audio' | 'video'; available: boolean }
  | { atMillis: number; type: 'published'; published: boolean }
  | { atMillis: number; type: 'anchorEntered' | 'anchorLeft' }
  | { atMillis: number; type: 'bound'; kind: 'audio' | 'video'; ssrc: number }

export interface Performance {
  pictures: SentPicture[]
  sound: SentSound[]
  said: Said[]
  /** By SSRC of pictures: when their counters began again. */
  countedAnew: Map<number, number[]>
  untilMillis: number
}

const pictureMillis = 1000 / 15
const picturesPerKey = 15
const soundMillis = 20
const delayMillis = 30
/** Once a key frame is decoded, Chromium gives up what is missing before it. */
const decodedAfterMillis = 1000
const widths = [16, 32]

/** What is lost so shortly before an end nobody can know: signalling tells of it no more exactly. */
const endMillis = 180

/** What is sent, and what of it Chromium hands out when. Nothing is lost near the beginnings of a subscription. */
export function perform({ seed, firstCodec, acts, losses }: Plan): Performance {
  const random = seeded(seed)
  const pictures: SentPicture[] = []
  const sound: SentSound[] = []
  const said: Said[] = []
  const countedAnew = new Map<number, number[]>()
  let [codec, width] = [firstCodec, widths[0]!]
  let ssrc = { video: 0, audio: 0 }
  let sequence = { video: 0, audio: 0 }
  let rtpBase = { video: 0, audio: 0 }
  let sinceKey = 0
  let wantsKey = true
  let now = 1000
  let [pictureDue, soundDue] = [now, now]
  const calm: { fromMillis: number; toMillis: number }[] = []

  const arrival = (atMillis: number, kind: 'audio' | 'video') => {
    const usual = atMillis + delayMillis + random() * 8
    if (calm.some(({ fromMillis, toMillis }) => atMillis >= fromMillis && atMillis < toMillis)) return usual
    const loss = losses.find((one) => atMillis >= one.fromMillis && atMillis < one.fromMillis + one.forMillis)
    if (loss === undefined || random() * 100 >= loss.percent) return usual
    // Nobody asks for sound again.
    return loss.repairMillis === undefined || kind === 'audio' ? Number.POSITIVE_INFINITY : usual + loss.repairMillis
  }
  const subscribe = () => {
    ssrc = { video: ssrc.video + 2 || 10, audio: ssrc.audio + 2 || 11 }
    sequence = { video: Math.floor(random() * 65536), audio: Math.floor(random() * 65536) }
    rtpBase = { video: Math.floor(random() * 2 ** 32), audio: Math.floor(random() * 2 ** 32) }
    wantsKey = true
    calm.push({ fromMillis: now, toMillis: now + 1500 })
    for (const kind of ['audio', 'video'] as const)
      said.push({ atMillis: now + delayMillis, type: 'bound', kind, ssrc: ssrc[kind] })
  }
  const picture = (atMillis: number) => {
    const key = wantsKey || sinceKey >= picturesPerKey
    sinceKey = key ? 1 : sinceKey + 1
    wantsKey = false
    const packets = Array.from({ length: key ? 4 : 2 }, () => ({
      sequence: sequence.video++,
      arrivalMillis: arrival(atMillis, 'video'),
    }))
    const rtpTimestamp = (rtpBase.video + Math.round(atMillis * 90)) >>> 0
    const about = { ssrc: ssrc.video, rtpTimestamp, atMillis, key, codec, width, number: sinceKey - 1 }
    pictures.push({ ...about, packets, handedOutMillis: Number.POSITIVE_INFINITY })
  }
  const packet = (atMillis: number) => {
    const rtpTimestamp = (rtpBase.audio + Math.round(atMillis * 48)) >>> 0
    const about = { ssrc: ssrc.audio, rtpTimestamp, atMillis, sequence: sequence.audio++ }
    sound.push({ ...about, arrivalMillis: arrival(atMillis, 'audio') })
  }
  /** Time goes by. */
  const sends = (millis: number, { video = true, audio = true } = {}) => {
    for (const until = now + millis; ; ) {
      const next = Math.min(pictureDue, soundDue)
      if (next >= until) {
        now = until
        return
      }
      if (next === pictureDue) {
        if (video) picture(pictureDue)
        pictureDue += pictureMillis
      }
      if (next === soundDue) {
        if (audio) packet(soundDue)
        soundDue += soundMillis
      }
    }
  }
  const available = (kind: 'audio' | 'video', available: boolean) =>
    said.push({ atMillis: now + delayMillis, type: 'available', kind, available })
  const published = (published: boolean) => said.push({ atMillis: now + delayMillis, type: 'published', published })
  const begins = () => {
    for (const kind of ['audio', 'video'] as const) available(kind, true)
    published(true)
    subscribe()
  }
  const ends = () => {
    calm.push({ fromMillis: now - endMillis, toMillis: now })
    for (const kind of ['audio', 'video'] as const) available(kind, false)
    published(false)
  }
  const steps: Record<Act['type'], (act: never) => void> = {
    nothing: () => {},
    cameraRests: ({ forMillis }: { forMillis: number }) => {
      sends(forMillis, { video: false })
      wantsKey = true
    },
    muteVideo: ({ forMillis }: { forMillis: number }) => {
      available('video', false)
      sends(forMillis, { video: false })
      available('video', true)
      wantsKey = true
    },
    size: ({ restMillis }: { restMillis: number }) => {
      sends(restMillis, { video: false })
      width = widths.find((one) => one !== width)!
      wantsKey = true
    },
    codec: ({ restMillis }: { restMillis: number }) => {
      sends(restMillis, { video: false })
      codec = codec === 'video/VP8' ? 'video/H264' : 'video/VP8'
      wantsKey = true
    },
    leave: ({ forMillis }: { forMillis: number }) => {
      ends()
      said.push({ atMillis: now + delayMillis, type: 'anchorLeft' })
      sends(forMillis, { video: false, audio: false })
      said.push({ atMillis: now + delayMillis, type: 'anchorEntered' })
      begins()
    },
    republish: ({ forMillis }: { forMillis: number }) => {
      ends()
      sends(forMillis, { video: false, audio: false })
      begins()
    },
    reconnect: ({ forMillis }: { forMillis: number }) => {
      calm.push({ fromMillis: now - 1500, toMillis: now })
      sends(forMillis, { video: false, audio: false })
      subscribe()
    },
    clockJumps: ({ seconds }: { seconds: number }) => {
      rtpBase = { video: rtpBase.video + seconds * 90_000, audio: rtpBase.audio + seconds * 48_000 }
    },
    countersBeginAgain: () => void countedAnew.set(ssrc.video, [...(countedAnew.get(ssrc.video) ?? []), now]),
  }

  said.push({ atMillis: now, type: 'anchorEntered' })
  begins()
  sends(2500)
  for (const { afterMillis, act } of acts) {
    sends(afterMillis)
    steps[act.type](act as never)
  }
  sends(4000)
  calm.push({ fromMillis: now - endMillis, toMillis: now })
  // The calm before an end is known when that comes.
  const isWithin = (of: typeof calm, millis: number) =>
    of.some(({ fromMillis, toMillis }) => millis >= fromMillis && millis < toMillis)
  const calmDown = (packet: Packet, atMillis: number) => {
    packet.arrivalMillis = Math.min(packet.arrivalMillis, atMillis + delayMillis + 8)
  }
  for (const { atMillis, packets } of pictures) if (isWithin(calm, atMillis)) for (const one of packets) calmDown(one, atMillis)
  for (const one of sound) if (isWithin(calm, one.atMillis)) calmDown(one, one.atMillis)
  for (const of of Map.groupBy(pictures, (one) => `${one.ssrc} ${one.codec}`).values()) handOut(of)
  return { pictures, sound, said, countedAnew, untilMillis: now + 500 }
}

/** As Chromium does: what follows a key frame without a hole, and of VP8 all that is complete; what is missing when the next key frame is decoded never. */
function handOut(pictures: SentPicture[]): void {
  const complete = ({ packets }: SentPicture) => Math.max(...packets.map(({ arrivalMillis }) => arrivalMillis))
  let nextKeyMillis = Number.POSITIVE_INFINITY
  const givenUp = pictures.map(() => Number.POSITIVE_INFINITY)
  for (let at = pictures.length - 1; at >= 0; at--) {
    givenUp[at] = nextKeyMillis + decodedAfterMillis
    if (pictures[at]!.key) nextKeyMillis = Math.min(nextKeyMillis, complete(pictures[at]!))
  }
  let before = Number.POSITIVE_INFINITY
  for (const [at, picture] of pictures.entries()) {
    const goesOn = picture.key || picture.codec === 'video/VP8' ? 0 : before
    const millis = Math.max(complete(picture), goesOn)
    picture.handedOutMillis = millis <= givenUp[at]! ? millis : Number.POSITIVE_INFINITY
    before = picture.handedOutMillis
  }
}

/** What Chromium counts of a stream by now. */
export function countsOf(packets: readonly Packet[], nowMillis: number, sinceMillis: number) {
  const came = packets.filter(({ arrivalMillis }) => arrivalMillis <= nowMillis && arrivalMillis >= sinceMillis)
  if (came.length === 0) return { lost: 0, received: 0, quietMillis: 0 }
  const numbers = came.map(({ sequence }) => sequence)
  const lost = Math.max(...numbers) + 1 - Math.min(...numbers) - came.length
  return { lost, received: came.length, quietMillis: nowMillis - Math.max(...came.map(({ arrivalMillis }) => arrivalMillis)) }
}
