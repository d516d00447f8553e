import type { Port } from '../cos/port.ts'
import type { Behaviours } from './behaviour.ts'
import type { Received } from './received.ts'

/** Everything the control API reaches into. */
export interface SinkWorld {
  port: Port
  keys: Map<string, string>
  behaviours: Behaviours
  received: Received
}
