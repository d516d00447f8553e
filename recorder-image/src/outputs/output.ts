import type { Manifest, RecordedOutput } from '@trtc-recorder/api'
import type { MeansNobody, Missing } from './missing.ts'
import type { Speakers } from './speakers.ts'

/** What was made: held in memory, or, where it is long, on the volume behind a head. */
export type Made = InMemory | OnVolume

interface InMemory extends Incomplete {
  is: 'inMemory'
  data: Uint8Array
}

interface Incomplete {
  /** What of the recording is not in it. */
  missing?: readonly Missing[]
  /** What of the spec is silent in it. */
  meansNobody?: readonly MeansNobody[]
}

export interface OnVolume extends Incomplete {
  is: 'onVolume'
  head: Uint8Array
  bodyPath: string
  bodyBytes: number
  startTime: string
  durationSeconds: number
}

/** What an output is made of. */
export interface Material {
  manifest: Manifest
  speakers: Speakers
  /** What was made and stored before, or could not be. */
  before: readonly RecordedOutput[]
  /** To be told, now and then, how much of it is done, from 0 to 1. */
  onDone: (share: number) => void
}

/** What one output is and how it is made. */
export interface Output {
  kind: RecordedOutput['kind']
  /** Whose it is, where each user has one. */
  userId?: string
  /** Its object key. */
  path: string
  contentType: string
  /** Rejects with what a person should read where it cannot be made. */
  make(material: Material): Promise<Made>
}
