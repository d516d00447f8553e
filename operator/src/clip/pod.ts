import {
  type ClipJob,
  clipJobEnv,
  clipJobSchema,
  clipTime,
  jsonVariables,
  type Recording,
  type RecordingClip,
  recorderEnv,
} from '@trtc-recorder/api'
import type { New, Pod } from '@trtc-recorder/kube'
import {
  cosKeys,
  placement,
  type RecorderPodConfig,
  recorderContainer,
  secretsDirectory,
  terminationMessagePath,
  workDirectory,
} from '../recording/pod.ts'
import { withOptions } from '../recording/pod-options.ts'
import { clipLabels, clipOwnerReference, clipPodName } from './names.ts'

/** More than the recorder waits for COS. A Pod that takes longer is ended, and another one made. */
const activeSeconds = 3600
/** Three hours of 5 Mbit/s. */
const workSize = '8Gi'
/** Measured: 0.43 GiB for a file of twelve hours, whose head is 58 MB. Without a browser it needs little else. */
const resources = { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } }

/** What a Recording that is over gives to cut: a job, nothing, or what cannot be understood. A status may be of another release, or written by hand. */
export type ClipWork = { is: 'job'; job: ClipJob } | { is: 'nothing' } | { is: 'unusable'; message: string }

/** Never throws. */
export function clipWork({ metadata, spec }: RecordingClip, { spec: { cos }, status }: Recording): ClipWork {
  const urls = [status?.manifestUrl, status?.moreManifestUrls ?? []].flat().filter((url) => url !== undefined)
  if (urls.length === 0 || status?.startTime === undefined) return { is: 'nothing' }
  const unusable = (what: string, must: string): ClipWork => ({ is: 'unusable', message: `${what} of the Recording ${must}` })
  const times = clipTimes(spec, status.startTime)
  if (times.is === 'unusable') return times
  const manifests = urls.map(objectKeyOf)
  const unread = urls.find((_, at) => manifests[at] === undefined)
  if (unread !== undefined)
    return unusable(`The manifest address ${JSON.stringify(unread)} in the status`, 'is not an object in COS')
  const { name, namespace, uid } = metadata
  const { users, streams, exact } = spec
  const { data: job, error } = clipJobSchema.safeParse({
    clip: { name, namespace, uid },
    manifests,
    ...{ from: times.from.toISOString(), to: times.to.toISOString() },
    ...{ users, streams, exact },
    cos,
  })
  if (job !== undefined) return { is: 'job', job }
  const [issue] = error.issues
  return unusable(`${issue?.path.join('.')}`, `cannot be used by this release: ${issue?.message}`)
}

export type ClipTimes = { is: 'times'; from: Date; to: Date } | { is: 'unusable'; message: string }

/** When a clip of a recording that began then begins and ends. Never throws. */
export function clipTimes(spec: Pick<RecordingClip['spec'], 'from' | 'to'>, startTime: string): ClipTimes {
  const start = new Date(startTime)
  if (Number.isNaN(start.getTime())) {
    return { is: 'unusable', message: `status.startTime ${JSON.stringify(startTime)} of the Recording is not a time` }
  }
  const [from, to] = [clipTime(spec.from, start), clipTime(spec.to, start)]
  for (const [field, time] of Object.entries({ from, to })) {
    if (!Number.isNaN(time.getTime())) continue
    return {
      is: 'unusable',
      message: `spec.${field} is no time, nor an offset such as 90s, that can be counted from ${startTime}`,
    }
  }
  return { is: 'times', from, to }
}

function objectKeyOf(url: string): string | undefined {
  try {
    return decodeURIComponent(new URL(url).pathname.slice(1)) || undefined
  } catch {
    return undefined
  }
}

/** The Pod that cuts: a recorder without a volume and without a room. Restricted, no token; keys and placement are the Recording's. */
export function clipPod(
  clip: RecordingClip,
  recording: Recording,
  job: ClipJob,
  attempt: number,
  config: RecorderPodConfig,
): New<Pod> {
  const { spec } = recording
  const secretName = spec.cos.credentialsSecretRef?.name
  const env = {
    ...jsonVariables(clipJobEnv, job),
    [recorderEnv.work]: workDirectory,
    [recorderEnv.secrets]: secretsDirectory,
    [recorderEnv.terminationMessage]: terminationMessagePath,
  }
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: clipPodName(clip.metadata.name, attempt),
      namespace: clip.metadata.namespace,
      labels: clipLabels(clip.metadata, attempt),
      ownerReferences: [clipOwnerReference(clip)],
    },
    spec: {
      restartPolicy: 'Never',
      activeDeadlineSeconds: activeSeconds,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      serviceAccountName: spec.serviceAccountName ?? config.serviceAccountName,
      containers: [
        {
          name: recorderContainer,
          image: config.image,
          imagePullPolicy: config.imagePullPolicy,
          env: Object.entries(env).map(([name, value]) => ({ name, value })),
          resources,
          terminationMessagePath,
          terminationMessagePolicy: 'File',
          volumeMounts: [
            { name: 'work', mountPath: workDirectory },
            { name: 'tmp', mountPath: '/tmp' },
            ...(secretName === undefined
              ? []
              : [{ name: 'cos', mountPath: `${secretsDirectory}/${secretName}`, readOnly: true }]),
          ],
        },
      ],
      volumes: [
        { name: 'work', emptyDir: { sizeLimit: workSize } },
        { name: 'tmp', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
        ...(secretName === undefined
          ? []
          : [
              {
                name: 'cos',
                secret: {
                  secretName,
                  optional: true,
                  defaultMode: 0o440,
                  items: cosKeys.map((key) => ({ key, path: key })),
                },
              },
            ]),
      ],
      ...placement(recording, config),
    },
  } as New<Pod>
  return withOptions(pod, config.options)
}
