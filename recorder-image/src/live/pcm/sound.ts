/** What a receiver hears next, in the order in which it was sent. `samples` at 48 kHz; `atMicros`: wall clock of its beginning. */
export type Sound =
  /** A valid packet of Opus. */
  | { type: 'packet'; data: Uint8Array; samples: number; atMicros: number }
  /** A packet that is missing; the decoder bridges it. A multiple of 2.5 ms, as silence is. */
  | { type: 'missing'; samples: number; atMicros: number }
  | { type: 'silence'; samples: number; atMicros: number }
  /** Whether the user has muted; takes no time. */
  | { type: 'muted'; muted: boolean; samples: 0; atMicros: number }
