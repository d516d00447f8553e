export { type ClipOptions, type RoomControl, type RoomState, roomControl } from './control.ts'
export type { RoomEventName, RoomName } from './room.ts'
export type { SentSpan } from './scripted-anchor.ts'
export { type RoomServerOptions, type RunningRoom, startRoomServer } from './server.ts'
