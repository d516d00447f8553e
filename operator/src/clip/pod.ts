import {
  type ClipJob,
  clipJobEnv,
  clipJobSchema,
  clipTime,
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

/** Undefined where the recording has left nothing to cut from. */
export function clipJob({ metadata, spec }: RecordingClip, { spec: { cos }, status }: Recording): ClipJob | undefined {
  const manifests = [status?.manifestUrl, ...(status?.moreManifestUrls ?? [])].filter((url) => url !== undefined)
  if (manifests.length === 0 || status?.startTime === undefined) return undefined
  const { name, namespace, uid } = metadata
  const start = new Date(status.startTime)
  return clipJobSchema.parse({
    clip: { name, namespace, uid },
    manifests: manifests.map((url) => decodeURIComponent(new URL(url).pathname.slice(1))),
    from: clipTime(spec.from, start).toISOString(),
    to: clipTime(spec.to, start).toISOString(),
    users: spec.users,
    streams: spec.streams,
    cos,
  })
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
    [clipJobEnv]: JSON.stringify(job),
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
