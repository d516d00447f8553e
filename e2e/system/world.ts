import { type CallbackControl, callbackControl } from '../../sandbox/src/callback/index.ts'
import { type CosControl, cosControl } from '../../sandbox/src/cos/index.ts'
import { identities } from '../../sandbox/src/identities.ts'
import { type RoomControl, roomControl } from '../../sandbox/src/room/index.ts'
import { sandboxState } from '../../sandbox/src/services.ts'

/** The running sandbox as tests and the demo use it: its stand-ins, where Pods reach them, and the images of this checkout. */
export interface World {
  room: RoomControl
  cos: CosControl
  callbacks: CallbackControl
  /** host:port of schedule and signalling, for spec.networkProxy. */
  unifiedProxy: string
  /** Public key of the room's certificate, for Chromium. */
  spki: string
  cosEndpoint: string
  /** Callback URL without a path. */
  callbackUrl: string
  images: { recorder: string; operator: string; gateway: string }
  bucket: string
  sdkAppId: number
}

/** Throws if the sandbox is not up: `sandbox/src/sandbox.ts` starts it. */
export function runningWorld(): World {
  const state = sandboxState()
  const said = (part: keyof typeof state, member: string): string => {
    const value = state[part]?.[member]
    if (typeof value !== 'string') throw new Error(`The sandbox does not say ${part}.${member}. Start it: make sandbox-up`)
    return value
  }
  return {
    room: roomControl(said('room', 'controlUrl')),
    cos: cosControl(said('cos', 'controlUrl')),
    callbacks: callbackControl(said('callback', 'controlUrl')),
    unifiedProxy: said('room', 'unifiedProxy'),
    spki: said('room', 'spki'),
    cosEndpoint: said('cos', 'endpoint'),
    callbackUrl: said('callback', 'url'),
    images: { recorder: said('images', 'recorder'), operator: said('images', 'operator'), gateway: said('images', 'gateway') },
    bucket: identities.cos.bucket,
    sdkAppId: identities.trtc.sdkAppId,
  }
}
