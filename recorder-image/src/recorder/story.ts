import type { RoomEvent } from '../room/events.ts'

/** How an event reads in the log, so that everybody's story can be followed there; undefined for what another line tells already. */
export function storyOf(event: RoomEvent): { level: 'info' | 'warn'; about: object; message: string } | undefined {
  switch (event.type) {
    case 'entered':
      return { level: 'info', about: {}, message: 'Room entered' }
    case 'anchorEntered':
      return { level: 'info', about: { userId: event.userId }, message: 'Anchor entered' }
    case 'anchorLeft':
      return { level: 'info', about: { userId: event.userId }, message: 'Anchor left' }
    case 'available': {
      const { userId, stream, kind, available } = event
      const message = available ? 'Media became available' : 'Media muted or unpublished'
      return { level: 'info', about: { userId, stream, kind }, message }
    }
    case 'bound': {
      const { userId, stream, kind, slot, ssrc } = event
      return { level: 'info', about: { userId, stream, kind, slot, ssrc }, message: 'Media arrived' }
    }
    case 'connectionLost':
      return { level: 'warn', about: {}, message: 'Connection to the room lost; the SDK tries to come back' }
    case 'connectionRecovered':
      return { level: 'info', about: {}, message: 'Connection to the room recovered' }
    case 'away':
      return { level: 'warn', about: { error: event.why }, message: 'The page is given up; another one enters the room' }
    case 'mediaRebuilt':
      return { level: 'warn', about: {}, message: 'No media comes from the room; its connection is built anew' }
    case 'published':
      return undefined
  }
}
