import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { recorderEnv } from '@trtc-recorder/api'
import { stringify } from 'yaml'
import { RecorderProcess } from '../recorder/recorder-process.ts'
import type { Keys } from './bucket.ts'
import type { Settings } from './settings.ts'

export interface RecorderOptions {
  settings: Settings
  keys: Keys
  name: string
  userId: string
  roomId: number
  /** Of this run in the bucket, without slashes around; each recorder has one of its own in it, for two begin a file within one millisecond now and then. */
  folder: string
  /** Emptied by the caller. */
  directory: string
}

/** A busy machine takes long to start a Chromium. */
export const enterSeconds = 150

/** The recorder as a person runs it by hand, with the application's key and keys for COS in files of their own. */
export async function startRecorder({
  settings,
  keys,
  name,
  userId,
  roomId,
  folder,
  directory,
}: RecorderOptions): Promise<RecorderProcess> {
  const { sdkAppId, region, bucket, endpoints } = settings
  const recording = {
    apiVersion: 'trtc-recorder.dev/v1alpha1',
    kind: 'Recording',
    metadata: { name },
    spec: {
      ...{ sdkAppId, roomId, userId, appSecretKeyRef: { name: 'app' }, mode: '02' },
      limits: { startTimeoutSeconds: enterSeconds },
      cos: {
        ...{ region, bucket, path: `/${folder}/${name}`, credentialsSecretRef: { name: 'cos' } },
        ...(endpoints === undefined ? {} : { endpoint: endpoints.cos }),
      },
      ...(endpoints === undefined ? {} : { networkProxy: { unifiedProxy: endpoints.room } }),
    },
  }
  const home = join(directory, name)
  const secrets: Record<string, string> = {
    'app/secretKey': settings.sdkSecretKey,
    'cos/secretId': keys.secretId,
    'cos/secretKey': keys.secretKey,
    ...(keys.token === undefined ? {} : { 'cos/token': keys.token }),
  }
  for (const folder of ['secrets/app', 'secrets/cos', 'volume']) await mkdir(join(home, folder), { recursive: true, mode: 0o700 })
  for (const [path, secret] of Object.entries(secrets)) await writeFile(join(home, 'secrets', path), secret, { mode: 0o600 })
  await writeFile(join(home, 'recording.yaml'), stringify(recording))
  const args = ['--recording', join(home, 'recording.yaml'), '--secrets', join(home, 'secrets'), '--work', join(home, 'volume')]
  const chromium =
    endpoints === undefined ? {} : { [recorderEnv.chromiumArgs]: `--ignore-certificate-errors-spki-list=${endpoints.roomSpki}` }
  return new RecorderProcess(args, chromium)
}
