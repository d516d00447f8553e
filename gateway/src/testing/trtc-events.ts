import { apiVersion, policyKind, type RecordingPolicy } from '@trtc-recorder/api'
import type { New } from '@trtc-recorder/kube'
import type { EventRoom } from '../events/event.ts'
import { sdkAppId } from './harness.ts'

/** A Monday, 18:00 in Shanghai; the clock of the harness. */
export const beganMillis = Date.parse('2026-03-01T10:00:00Z')

const callback = (EventGroupId: number, EventType: number, room: EventRoom, EventMsTs: number, more: object = {}) => ({
  ...{ EventGroupId, EventType, CallbackTs: EventMsTs + 8 },
  EventInfo: { RoomId: room, EventTs: Math.floor(EventMsTs / 1000), EventMsTs, ...more },
})

/** Events of a room as TRTC tells them; `seconds` after the session’s beginning. */
export function eventsOf(room: EventRoom = 43474, began = beganMillis) {
  const at = (seconds: number) => began + Math.round(seconds * 1000)
  return {
    created: (UserId: string, seconds = 0) => callback(1, 101, room, at(seconds), { UserId }),
    dismissed: (seconds: number) => callback(1, 102, room, at(seconds)),
    enters: (UserId: string, seconds = 0.1, Role = 20) =>
      callback(1, 103, room, at(seconds), { UserId, Role, TerminalType: 2, UserType: 3, Reason: 1 }),
    leaves: (UserId: string, seconds: number) => callback(1, 104, room, at(seconds), { UserId, Role: 20, Reason: 1 }),
    changesRole: (UserId: string, seconds: number, Role = 20) => callback(1, 105, room, at(seconds), { UserId, Role }),
    startsVideo: (UserId: string, seconds: number) => callback(2, 201, room, at(seconds), { UserId }),
    startsAudio: (UserId: string, seconds: number) => callback(2, 203, room, at(seconds), { UserId }),
    stopsAudio: (UserId: string, seconds: number) => callback(2, 204, room, at(seconds), { UserId, Reason: 0 }),
  }
}

export const recorder = 'recorder'

/** A policy as its author applies it. */
export const policyNamed = (name: string, spec: object = {}, namespace = 'lessons') =>
  ({
    ...{ apiVersion, kind: policyKind, metadata: { name, namespace } },
    spec: {
      ...{ sdkAppId, recorderUserId: recorder },
      template: { mode: '02', appSecretKeyRef: { name: 'trtc' }, cos: { region: 'ap-guangzhou', bucket: 'lessons-1250000000' } },
      ...spec,
    },
  }) as unknown as New<RecordingPolicy>
