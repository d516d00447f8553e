import {
  type ClipRequests,
  clipsAnnotation,
  controlAnnotation,
  jobFor,
  jsonVariables,
  type RecorderJob,
  type Recording,
  recorderEnv,
  recorderPort,
  troubles,
} from '@trtc-recorder/api'
import type { ReceiverPolicy } from '@trtc-recorder/api/receivers'
import type { New, Pod } from '@trtc-recorder/kube'
import { wantedControl } from './control.ts'
import { commonLabels, controlVolume, labels, ownerReference, podName, volumeNumber } from './names.ts'
import { type PodOptions, withOptions } from './pod-options.ts'

/** What the cluster's administrator says about every recorder Pod (chart: `recorder.*`). Nothing of it can be set in a Recording. */
export interface RecorderPodConfig {
  image: string
  imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never'
  imagePullSecrets: readonly string[]
  /** Extra Chromium switches, separated by blanks. */
  chromiumArgs: string
  /** Whom recorders may send live sound to. */
  receivers: ReceiverPolicy
  /** Where a Recording says nothing of `resources`. */
  resources: { requests?: Record<string, string> | undefined; limits?: Record<string, string> | undefined }
  /** Where a Recording names none; in the Recording's namespace. */
  serviceAccountName: string
  options: PodOptions
}

export const recorderContainer = 'recorder'
export const secretsDirectory = '/var/run/trtc-recorder/secrets'
const controlDirectory = '/var/run/trtc-recorder/control'
const controlFile = 'control.json'
const clipsFile = 'clips.json'
export const workDirectory = '/work'
/** Volume of a recorder Pod that has what it records. */
export const workVolume = 'work'
export const terminationMessagePath = '/dev/termination-log'
/** What is read of the Secret with the keys for COS. */
export const cosKeys = ['secretId', 'secretKey', 'token', 'expiredTime'] as const
/** How long a recorder may take to finish and upload after SIGTERM. */
const gracePeriodSeconds = 1800
/** How long a recorder's Pod tolerates that its node is not heard of: as long as the operator waits for one that is in the room. */
export const toleratedSilenceSeconds = troubles.NodeSilent.after.firstSeconds
/** Most that may lie in /tmp: Chromium's profile and shared memory. It counts as memory of the Pod. */
const tmpSize = '1Gi'

export interface PodOrder {
  attempt: number
  firstStartedAt?: string | undefined
  uploadOnly: boolean
  /** Name of the PersistentVolumeClaim it works on. */
  volume: string
  /** Other Recordings write files of its room to the same folder. */
  isBesideOthers: boolean
  /** Nodes where an attempt was left behind. One of them may look well to the scheduler. */
  notOn?: readonly string[]
}

/**
 * The Pod of one attempt: restricted Pod Security profile, no token. Secrets by reference only. It has no finalizer, so that a drain never waits
 * for an operator: what a recorder has to say is on its volume as well, and the next attempt says it again.
 */
export function recorderPod(recording: Recording, order: PodOrder, config: RecorderPodConfig): New<Pod> {
  const { metadata, spec } = recording
  const job = jobFor({ ...recording, metadata: { ...recording.metadata } }, { ...order, volume: volumeNumber(order.volume) })
  const secrets = referredSecrets(job)
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(metadata.name, order.attempt),
      namespace: metadata.namespace,
      labels: { ...commonLabels(metadata), [labels.attempt]: String(order.attempt) },
      annotations: {
        'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
        'karpenter.sh/do-not-disrupt': 'true',
        'kubectl.kubernetes.io/default-container': recorderContainer,
        [controlAnnotation]: JSON.stringify(wantedControl(recording)),
        [clipsAnnotation]: JSON.stringify({ version: 1, clips: [] } satisfies ClipRequests),
      },
      ...(isOwned(recording) ? { ownerReferences: [ownerReference(recording)] } : {}),
    },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: gracePeriodSeconds,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      serviceAccountName: spec.serviceAccountName ?? config.serviceAccountName,
      containers: [
        {
          name: recorderContainer,
          image: config.image,
          imagePullPolicy: config.imagePullPolicy,
          env: environment(job, config),
          ports: [{ name: 'http', containerPort: recorderPort, protocol: 'TCP' }],
          // Who only uploads is ready as soon as it runs: of what was never ready nobody says that its node has fallen silent.
          ...(order.uploadOnly ? {} : { readinessProbe: inTheRoom }),
          livenessProbe: {
            httpGet: { path: '/healthz', port: 'http' },
            initialDelaySeconds: 30,
            periodSeconds: 10,
            timeoutSeconds: 5,
            failureThreshold: 6,
            // A recorder that hangs does not get half an hour to finish.
            terminationGracePeriodSeconds: 120,
          },
          resources: spec.resources ?? config.resources,
          terminationMessagePath,
          terminationMessagePolicy: 'File',
          volumeMounts: [
            { name: workVolume, mountPath: workDirectory },
            { name: 'tmp', mountPath: '/tmp' },
            { name: controlVolume, mountPath: controlDirectory, readOnly: true },
            ...secrets.map((secret, index) => ({
              name: `secret-${index}`,
              mountPath: `${secretsDirectory}/${secret.name}`,
              readOnly: true,
            })),
          ],
        },
      ],
      volumes: [
        { name: workVolume, persistentVolumeClaim: { claimName: order.volume } },
        {
          name: controlVolume,
          downwardAPI: {
            defaultMode: 0o444,
            items: [annotationAs(controlFile, controlAnnotation), annotationAs(clipsFile, clipsAnnotation)],
          },
        },
        { name: 'tmp', emptyDir: { medium: 'Memory', sizeLimit: tmpSize } },
        ...secrets.map((secret, index) => ({
          name: `secret-${index}`,
          secret: {
            secretName: secret.name,
            // The recorder says which Secret or key is missing; without this the Pod would only hang.
            optional: true,
            defaultMode: 0o440,
            items: secret.keys.map((key) => ({ key, path: key })),
          },
        })),
      ],
      ...placement(recording, config),
    },
  } as New<Pod>
  const made = preferablyNotOn(withOptions(pod, config.options), order.notOn ?? [])
  return order.uploadOnly ? made : { ...made, spec: leavingASilentNode(made.spec!) }
}

/**
 * Of a Pod that is not ready nobody says that its node has fallen silent, but that it is deleted for it: after five minutes, unless the Pod says
 * otherwise. First, so that no toleration of everything comes before it; whoever names this taint knows better.
 */
function leavingASilentNode(spec: NonNullable<Pod['spec']>): NonNullable<Pod['spec']> {
  const { tolerations = [] } = spec
  if (tolerations.some(({ key }) => key === unreachable)) return spec
  const own = { key: unreachable, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: toleratedSilenceSeconds } as const
  return { ...spec, tolerations: [own, ...tolerations] }
}

const unreachable = 'node.kubernetes.io/unreachable'

/** Where there is no other node it is tried there again. */
function preferablyNotOn(pod: New<Pod>, nodes: readonly string[]): New<Pod> {
  if (nodes.length === 0) return pod
  const { affinity = {} } = pod.spec!
  const { nodeAffinity = {} } = affinity
  const matchFields = nodes.map((node) => ({ key: 'metadata.name', operator: 'NotIn', values: [node] }))
  const preferred = [
    ...(nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []),
    { weight: 100, preference: { matchFields } },
  ]
  const apart = { ...nodeAffinity, preferredDuringSchedulingIgnoredDuringExecution: preferred }
  return { ...pod, spec: { ...pod.spec!, affinity: { ...affinity, nodeAffinity: apart } } } as New<Pod>
}

const inTheRoom = {
  httpGet: { path: '/readyz', port: 'http' },
  // Whoever is not yet in the room in the usual second or two has not failed. The operator hears of it from the recorder itself.
  initialDelaySeconds: 3,
  periodSeconds: 1,
  timeoutSeconds: 2,
  failureThreshold: 3,
}

/** Where Pods of a Recording may run, and what they may pull. */
export const placement = ({ spec }: Recording, config: RecorderPodConfig) => ({
  ...(spec.nodeSelector === undefined ? {} : { nodeSelector: spec.nodeSelector }),
  ...(spec.tolerations === undefined ? {} : { tolerations: spec.tolerations }),
  ...(spec.priorityClassName === undefined ? {} : { priorityClassName: spec.priorityClassName }),
  ...(config.imagePullSecrets.length === 0 ? {} : { imagePullSecrets: config.imagePullSecrets.map((name) => ({ name })) }),
})

const annotationAs = (path: string, annotation: string) => ({
  path,
  fieldRef: { fieldPath: `metadata.annotations['${annotation}']` },
})

/** What is deleted in the foreground takes all it owns with it at once, so what is made from then on to save its files is nobody's. */
const isOwned = ({ metadata }: Recording) => metadata.deletionTimestamp === undefined

function environment(job: RecorderJob, config: RecorderPodConfig) {
  const values: Record<string, string> = {
    ...jsonVariables(recorderEnv.job, job),
    [recorderEnv.work]: workDirectory,
    [recorderEnv.secrets]: secretsDirectory,
    [recorderEnv.control]: `${controlDirectory}/${controlFile}`,
    [recorderEnv.clips]: `${controlDirectory}/${clipsFile}`,
    [recorderEnv.terminationMessage]: terminationMessagePath,
    ...(job.spec.live.pcm === undefined ? {} : { [recorderEnv.receivers]: JSON.stringify(config.receivers) }),
    ...(config.chromiumArgs ? { [recorderEnv.chromiumArgs]: config.chromiumArgs } : {}),
  }
  // They arrive as they are: Kubernetes would make one `$` of two, and put another variable in place of `$(NAME)`.
  return Object.entries(values).map(([name, value]) => ({ name, value: value.replaceAll('$', '$$$$') }))
}

/** Each Secret the recorder needs, with the keys it needs of it and no other. The callback's signing key is not the recorder's. */
function referredSecrets({ spec }: RecorderJob): { name: string; keys: string[] }[] {
  const keys = new Map<string, Set<string>>()
  const refer = (name: string, ...names: string[]) => keys.set(name, new Set([...(keys.get(name) ?? []), ...names]))
  for (const ref of [spec.userSigSecretRef, spec.appSecretKeyRef]) if (ref !== undefined) refer(ref.name, ref.key)
  const { credentialsSecretRef } = spec.cos
  if (credentialsSecretRef !== undefined) refer(credentialsSecretRef.name, ...cosKeys)
  for (const ref of [spec.networkProxy?.turnServer?.credentialSecretRef, spec.live.pcm?.authorizationSecretRef]) {
    if (ref !== undefined) refer(ref.name, ref.key)
  }
  return [...keys].map(([name, set]) => ({ name, keys: [...set] }))
}
