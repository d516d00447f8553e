import { type ManifestFile, maxNamedMissing, type RecordedOutput } from '@trtc-recorder/api'

/** A file that an output lacks, wholly or in part. */
export interface Missing {
  file: ManifestFile
  /** For people; names the file. */
  why: string
}

/** A field of the spec that means nobody, so that a part of an output has nothing in it. */
export interface MeansNobody {
  field: string
  /** For people; names the field. */
  why: string
}

/** What an output says of itself: `ok`, or what it lacks. Each file is named once. Pure. */
export function completeness(
  missing: readonly Missing[] = [],
  meansNobody: readonly MeansNobody[] = [],
): Pick<RecordedOutput, 'message' | 'missing'> {
  const byPath = new Map(missing.map(({ file, why }) => [file.path, why]))
  if (byPath.size + meansNobody.length === 0) return { message: 'ok' }
  const without = byPath.size === 0 ? '' : `, without all of ${byPath.size} file${byPath.size === 1 ? '' : 's'}`
  // What was made of several files may lack all of them for one reason.
  const whys = [...new Set([...meansNobody.map(({ why }) => why), ...byPath.values()])].join('; ')
  const message = `made of what there is${without}: ${whys}`
  return {
    message: message.length <= 512 ? message : `${message.slice(0, 511)}…`,
    missing: [...meansNobody.map(({ field }) => field), ...byPath.keys()].slice(0, maxNamedMissing),
  }
}

/** Why there is nothing at all to make an output of. */
export const nothingLeft = (missing: readonly Missing[]): Error =>
  new Error(missing.length === 1 ? missing[0]!.why : `nothing is left of ${missing.length} files: ${missing[0]!.why}`)
