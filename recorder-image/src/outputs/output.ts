import type { Manifest, RecordedOutput } from '@trtc-recorder/api'

/** What one output is and how it is made. */
export interface Output {
  kind: RecordedOutput['kind']
  /** Its object key. */
  path: string
  contentType: string
  /** Rejects with what a person should read where it cannot be made. */
  make(manifest: Manifest): Promise<Buffer>
}
