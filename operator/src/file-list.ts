import { gunzipSync, gzipSync } from 'node:zlib'
import type { RecordedFile, RecordingStatus } from '@trtc-recorder/api'

/** As many as the schema of the status takes. */
const mostListed = 500
/** An object in etcd may have 1.5 MB; this leaves room for the rest of the status, and for whatever else reads it. */
const mostListedBytes = 262_144
/** As long as the schema of the status takes. */
const longestPacked = 655_360

export type FileList = Pick<RecordingStatus, 'files' | 'moreFiles'>

/**
 * What a status says of files: as many as it can list, the failed ones before others, in the order of their start; the rest packed, so that the
 * callback has them all. What does not fit even so is in the manifest, and counted.
 */
export function listed(files: readonly RecordedFile[]): FileList {
  const byNeed = files.toSorted((a, b) => a.status - b.status)
  const shown = new Set<RecordedFile>()
  let bytes = 0
  for (const file of byNeed) {
    bytes += Buffer.byteLength(JSON.stringify(file)) + 1
    if (shown.size >= mostListed || bytes > mostListedBytes) break
    shown.add(file)
  }
  const list = { files: files.filter((file) => shown.has(file)) }
  if (list.files.length === files.length) return list
  const packed = gzipSync(JSON.stringify(files.filter((file) => !shown.has(file)))).toString('base64')
  return packed.length > longestPacked ? list : { ...list, moreFiles: packed }
}

/** All files that a status knows, in the order of their start. */
export function allFiles({ files = [], moreFiles }: FileList): RecordedFile[] {
  if (moreFiles === undefined) return [...files]
  return inOrder([...files, ...unpacked(moreFiles)])
}

function unpacked(packed: string): RecordedFile[] {
  try {
    return JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString('utf8'))
  } catch {
    // Somebody else wrote into the status. The manifest has them.
    return []
  }
}

export const inOrder = (files: readonly RecordedFile[]) =>
  files.toSorted((a, b) => a.startTime.localeCompare(b.startTime) || a.path.localeCompare(b.path))
