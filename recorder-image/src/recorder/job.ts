import {
  choiceProblems,
  halfCharacterMessage,
  halfCharacters,
  jobFor,
  jsonOfVariables,
  type RecorderJob,
  recorderEnv,
  recorderJobSchema,
  recordingManifestSchema,
} from '@trtc-recorder/api'
import { parseAllDocuments } from 'yaml'
import { RecorderFailure } from './failure.ts'

/** The job as the operator hands it over. */
export function jobFromEnvironment(environment: NodeJS.ProcessEnv): RecorderJob {
  const text = jsonOfVariables(recorderEnv.job, environment)
  if (text === undefined)
    throw new RecorderFailure('InvalidJob', `${recorderEnv.job} is not set; see --help for running without a cluster`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new RecorderFailure('InvalidJob', `${recorderEnv.job} is not JSON: ${(error as Error).message}`)
  }
  const job = checked(recorderJobSchema, value, recorderEnv.job)
  const [problem] = choiceProblems(job.spec)
  if (problem) throw new RecorderFailure('InvalidJob', `${recorderEnv.job}: spec.${problem.path}: ${problem.message}`)
  return job
}

/** The job of a Recording in a YAML file. Of several documents the first Recording is taken. */
export function jobFromRecordingFile(yaml: string, file: string): RecorderJob {
  const documents = [...parseAllDocuments(yaml)]
  const error = documents.flatMap(({ errors }) => errors)[0]
  if (error !== undefined) throw new RecorderFailure('InvalidJob', `${file} is not YAML: ${error.message}`)
  const recording = documents
    .map((document): unknown => document.toJS())
    .find((document) => (document as { kind?: string } | null)?.kind === 'Recording')
  if (recording === undefined) throw new RecorderFailure('InvalidJob', `${file} holds no Recording`)
  const manifest = checked(recordingManifestSchema, recording, file)
  const [field] = unknownFields((recording as { spec: unknown }).spec, manifest.spec, 'spec')
  if (field !== undefined) throw new RecorderFailure('InvalidJob', `${file}: ${field}: there is no such field`)
  return jobFor(manifest, { attempt: 1 })
}

/** What somebody wrote that nobody reads, as a field whose name is misspelt: kubectl would refuse it. */
function unknownFields(written: unknown, read: unknown, path: string): string[] {
  if (typeof written !== 'object' || written === null || typeof read !== 'object' || read === null) return []
  return Object.entries(written).flatMap(([name, value]) => {
    const field = Array.isArray(written) ? `${path}[${name}]` : `${path}.${name}`
    return Object.hasOwn(read, name) ? unknownFields(value, (read as Record<string, unknown>)[name], field) : [field]
  })
}

interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { success: true; data: T; error?: undefined }
    | { success: false; error: { issues: { path: PropertyKey[]; message: string }[] } }
}

/** The first problems of a value, each with the field it is about. What has half a character could be written to no disk and into no bucket as it is. */
function checked<T>(schema: Schema<T>, value: unknown, where: string): T {
  const halves = halfCharacters(value)
  const parsed = schema.safeParse(value)
  if (parsed.success && halves.length === 0) return parsed.data
  const problems = [
    ...halves.map((half) => `${half.path || 'the whole'}: ${halfCharacterMessage(half)}`),
    ...(parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.') || 'the whole'}: ${message}`),
  ]
  throw new RecorderFailure('InvalidJob', `${where}: ${problems.slice(0, 5).join('; ')}`)
}
