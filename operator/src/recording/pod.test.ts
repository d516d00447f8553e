import { clipRequestsSchema, controlSchema, pcmSchema, type Recording, recorderJobSchema } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { belongsTo, controllingRecording, recordingOf } from './names.ts'
import { recorderPod } from './pod.ts'
import { podOptionsSchema } from './pod-options.ts'
import { volumeClaim } from './pvc.ts'
import { aRecording, podConfig } from './testing.ts'

const order = { attempt: 2, volume: 'math-v1', uploadOnly: false, isBesideOthers: false }
const pod = recorderPod(aRecording(), order, podConfig)
const container = pod.spec!.containers[0]!
const env = (name: string, of = pod) => of.spec?.containers[0]?.env?.find((variable) => variable.name === name)?.value

describe('the recorder Pod', () => {
  test('meets the restricted Pod Security profile', () => {
    const { spec } = pod
    expect(spec?.hostNetwork ?? spec?.hostPID ?? spec?.hostIPC ?? false).toBe(false)
    expect(spec?.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    expect(container.securityContext).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } })
    expect(container.securityContext?.privileged).toBeUndefined()
    const kinds = spec?.volumes?.map((volume) => Object.keys(volume).find((key) => key !== 'name'))
    expect(new Set(kinds)).toEqual(new Set(['persistentVolumeClaim', 'emptyDir', 'secret', 'downwardAPI']))
    expect(container.ports?.some((port) => port.hostPort)).toBe(false)
  })

  test('cannot write but to its volume and its own memory', () => {
    expect(container.securityContext?.readOnlyRootFilesystem).toBe(true)
    expect(container.volumeMounts?.filter((mount) => !mount.readOnly).map((mount) => mount.mountPath)).toEqual(['/work', '/tmp'])
    expect(pod.spec?.volumes?.find((volume) => volume.name === 'tmp')?.emptyDir?.medium).toBe('Memory')
  })

  test('has no token of the API server and no environment of other Services', () => {
    expect(pod.spec).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false })
  })

  test.each([
    ['what has changed since', 'TRTC_RECORDER_CONTROL', 'trtc-recorder.dev/control'],
    ['which clips are wanted', 'TRTC_RECORDER_CLIPS', 'trtc-recorder.dev/clips'],
  ])('sees %s, as a file', (_, variable, annotation) => {
    const path = env(variable)!
    const mount = container.volumeMounts?.find(({ mountPath }) => path.startsWith(`${mountPath}/`))
    const volume = pod.spec?.volumes?.find(({ name }) => name === mount?.name)
    expect(volume?.downwardAPI?.items).toContainEqual({
      path: path.slice(mount!.mountPath.length + 1),
      fieldRef: { fieldPath: `metadata.annotations['${annotation}']` },
    })
    expect(pod.metadata.annotations).toHaveProperty([annotation])
  })

  test('is told at first what its Recording says, and to cut nothing', () => {
    const { annotations } = pod.metadata
    expect(controlSchema.parse(JSON.parse(annotations!['trtc-recorder.dev/control']!)).desiredState).toBe('Running')
    expect(clipRequestsSchema.parse(JSON.parse(annotations!['trtc-recorder.dev/clips']!)).clips).toEqual([])
  })

  test('never starts again by itself, and keeps no drain waiting', () => {
    expect(pod.spec?.restartPolicy).toBe('Never')
    expect(pod.metadata.finalizers).toBeUndefined()
    expect(pod.spec?.terminationGracePeriodSeconds).toBe(1800)
  })

  test('asks autoscalers to leave it alone', () => {
    expect(pod.metadata.annotations).toMatchObject({
      'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
      'karpenter.sh/do-not-disrupt': 'true',
    })
  })

  test('belongs to its Recording by UID, and carries its attempt', () => {
    expect(pod.metadata.name).toBe('math-a2')
    expect(controllingRecording(pod as never)).toMatchObject({ name: 'math', uid: 'recording-uid' })
    expect(belongsTo(pod as never, 'recording-uid')).toBe(true)
    expect(belongsTo(pod as never, 'another-uid')).toBe(false)
    expect(pod.metadata.labels).toMatchObject({
      'trtc-recorder.dev/recording-uid': 'recording-uid',
      'trtc-recorder.dev/attempt': '2',
    })
  })

  test('gets its job, with names of Secrets and nothing of them', () => {
    const job = recorderJobSchema.parse(JSON.parse(env('TRTC_RECORDER_JOB') ?? ''))
    expect(job).toMatchObject({
      attempt: 2,
      recording: { namespace: 'lessons', name: 'math' },
      spec: { userSigSecretRef: { name: 'recorder-sig' } },
    })
    expect(container.env?.some((variable) => variable.valueFrom !== undefined)).toBe(false)
    expect(job.uploadOnly).toBeUndefined()
  })

  test('gets what its Recording says through Kubernetes, which fills in variables', () => {
    const recording = aRecording({ strRoomId: 'a$$b $(KUBERNETES_SERVICE_HOST)' })
    const value = env('TRTC_RECORDER_JOB', recorderPod(recording, order, podConfig))!
    expect(value).not.toContain('$')
    expect(JSON.parse(value).spec.strRoomId).toBe('a$$b $(KUBERNETES_SERVICE_HOST)')
  })

  test('has the recorder mark the names of files where other Recordings write files of the same room to the same folder', () => {
    const markOf = (isBesideOthers: boolean) => {
      const recording = aRecording({}, { uid: 'a1b2c3d4-0000-4000-8000-000000000000' })
      const pod = recorderPod(recording, { ...order, isBesideOthers }, podConfig)
      return recorderJobSchema.parse(JSON.parse(env('TRTC_RECORDER_JOB', pod)!)).fileMark
    }
    expect([true, false].map(markOf)).toEqual(['a1b2c3d4', undefined])
  })

  test('hands over also what an API server of another release has admitted, for the recorder to say what is wrong with it', () => {
    const { spec } = aRecording()
    const subscribe = { ...spec.subscribe, include: ['a*b'] }
    const pod = recorderPod(
      aRecording({ subscribe, nodeSelector: { a: 'b' } }),
      { attempt: 1, uploadOnly: false, volume: 'math-v1', isBesideOthers: false },
      podConfig,
    )
    const job = JSON.parse(pod.spec?.containers[0]?.env?.find(({ name }) => name === 'TRTC_RECORDER_JOB')?.value ?? '')
    expect(job.spec).toMatchObject({ subscribe, userId: 'recorder' })
    expect(job.spec).not.toHaveProperty('nodeSelector')
    expect(recorderJobSchema.safeParse(job).error?.issues[0]?.path.join('.')).toBe('spec.subscribe.include.0')
  })

  test('carries out what an earlier release stored: what that did not know has its default, beside what cannot be read, too', () => {
    const { live: _, ...spec } = aRecording().spec
    const outputs = { replay: true, audio16k: true, speech: false, vcon: false, mix: false }
    for (const subscribe of [spec.subscribe, { ...spec.subscribe, include: ['a*b'] }]) {
      const stored = { ...aRecording(), spec: { ...spec, subscribe, outputs } } as unknown as Recording
      const pod = recorderPod(stored, { attempt: 1, uploadOnly: false, volume: 'math-v1', isBesideOthers: false }, podConfig)
      const job = JSON.parse(pod.spec?.containers[0]?.env?.find(({ name }) => name === 'TRTC_RECORDER_JOB')?.value ?? '')
      expect(job.spec).toMatchObject({ live: {}, outputs: { replay: true, audio16k: true, audio16kFormat: 'Wav' } })
    }
  })

  test('mounts each Secret read-only, with the keys it needs, whether it exists or not', () => {
    const secrets = pod.spec?.volumes?.flatMap((volume) => volume.secret ?? [])
    expect(secrets).toMatchObject([
      { secretName: 'recorder-sig', optional: true, items: [{ key: 'userSig', path: 'userSig' }] },
      {
        secretName: 'cos',
        optional: true,
        items: [{ key: 'secretId' }, { key: 'secretKey' }, { key: 'token' }, { key: 'expiredTime' }],
      },
    ])
    expect(container.volumeMounts).toContainEqual({
      name: 'secret-0',
      mountPath: '/var/run/trtc-recorder/secrets/recorder-sig',
      readOnly: true,
    })
  })

  test('mounts a Secret that serves twice once', () => {
    const recording = aRecording({ userSigSecretRef: { name: 'cos', key: 'sig' } })
    const secrets = recorderPod(recording, order, podConfig).spec?.volumes?.flatMap((volume) => volume.secret ?? [])
    expect(secrets).toHaveLength(1)
    expect(secrets?.[0]?.items?.map((item) => item.key)).toEqual(['sig', 'secretId', 'secretKey', 'token', 'expiredTime'])
  })

  test('mounts the application’s key in place of a UserSig, and no keys for COS where the Pod has a role', () => {
    const recording = aRecording({ appSecretKeyRef: { name: 'app', key: 'secretKey' } })
    delete recording.spec.userSigSecretRef
    delete recording.spec.cos.credentialsSecretRef
    const secrets = recorderPod(recording, order, podConfig).spec?.volumes?.flatMap((volume) => volume.secret ?? [])
    expect(secrets).toMatchObject([{ secretName: 'app', items: [{ key: 'secretKey', path: 'secretKey' }] }])
  })

  test('mounts the password of the TURN user, if there is one', () => {
    const turnServer = { url: 'turn.example:3478', username: 'u', credentialSecretRef: { name: 'turn', key: 'credential' } }
    const { spec } = recorderPod(aRecording({ networkProxy: { turnServer } }), order, podConfig)
    expect(spec?.volumes?.map((volume) => volume.secret?.secretName)).toContain('turn')
  })

  test('is nobody’s once its Recording is being deleted, or a deletion in the foreground would take it', () => {
    const deleted = aRecording({}, { deletionTimestamp: '2026-03-01T10:00:00Z' })
    const { metadata } = recorderPod(deleted, order, podConfig)
    expect(metadata.ownerReferences).toBeUndefined()
    expect(recordingOf({ metadata } as never)).toEqual({ name: 'math', uid: 'recording-uid' })
  })

  test('does not get the key that signs callbacks', () => {
    const signingKeySecretRef = { name: 'callback-key', key: 'signingKey' }
    const callback = { url: 'https://school.example', signingKeySecretRef, format: 'Result' as const }
    expect(JSON.stringify(recorderPod(aRecording({ callback }), order, podConfig))).not.toContain('callback-key')
  })

  test('goes where the Recording wants it, with what it asks for', () => {
    const wanted = {
      resources: { limits: { memory: '3Gi' } },
      nodeSelector: { pool: 'media' },
      tolerations: [{ key: 'media', operator: 'Exists' as const }],
      priorityClassName: 'high',
      serviceAccountName: 'teacher',
    }
    const { spec } = recorderPod(aRecording(wanted), order, podConfig)
    const { resources, tolerations, ...placement } = wanted
    expect(spec).toMatchObject(placement)
    expect(spec).toMatchObject({ tolerations: expect.arrayContaining(tolerations) })
    expect(spec?.containers[0]?.resources).toEqual(resources)
  })

  test('is ready when it is in the room, and where it only uploads as soon as it runs, so that it is noticed if its node falls silent', () => {
    const probes = (uploadOnly: boolean) => recorderPod(aRecording(), { ...order, uploadOnly }, podConfig).spec?.containers[0]
    expect(probes(false)?.readinessProbe?.httpGet?.path).toBe('/readyz')
    expect(probes(true)?.readinessProbe).toBeUndefined()
    expect(probes(true)?.livenessProbe).toEqual(probes(false)?.livenessProbe)
  })

  describe('on a node that falls silent', () => {
    const unreachable = { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' } as const
    const tolerationsOf = (tolerations?: object[], uploadOnly = false, chart: object[] = []) => {
      const options = { ...podConfig.options, tolerations: chart as never }
      const recording = aRecording(tolerations === undefined ? {} : { tolerations: tolerations as never })
      return recorderPod(recording, { ...order, uploadOnly }, { ...podConfig, options }).spec?.tolerations
    }

    test('is deleted in time for another to record elsewhere, whatever else it tolerates', () => {
      const own = { ...unreachable, tolerationSeconds: 15 }
      expect(tolerationsOf()).toEqual([own])
      expect(tolerationsOf([{ operator: 'Exists' }])).toEqual([own, { operator: 'Exists' }])
      expect(tolerationsOf(undefined, false, [{ key: 'media' }])).toEqual([own, { key: 'media' }])
    })

    test('stays for as long as it is told to, and if it only uploads', () => {
      const wanted = { ...unreachable, tolerationSeconds: 600 }
      expect(tolerationsOf([wanted])).toEqual([wanted])
      expect(tolerationsOf(undefined, true)).toBeUndefined()
    })
  })

  test('of a Recording with live sound knows whom it may be sent to, and has what authorizes it', () => {
    const pcm = pcmSchema.parse({ url: 'wss://asr.example/', authorizationSecretRef: { name: 'asr' } })
    const { spec } = recorderPod(aRecording({ live: { pcm } }), order, podConfig)
    expect(JSON.parse(env('TRTC_RECORDER_RECEIVERS', { ...pod, spec: spec! })!)).toEqual(podConfig.receivers)
    const secrets = spec?.volumes?.flatMap(({ secret }) => secret ?? [])
    expect(secrets).toContainEqual(
      expect.objectContaining({ secretName: 'asr', items: [{ key: 'authorization', path: 'authorization' }] }),
    )
    expect(env('TRTC_RECORDER_RECEIVERS')).toBeUndefined()
  })

  test('else is what the administrator says', () => {
    const config = { ...podConfig, chromiumArgs: '--use-test', imagePullSecrets: ['pull'], serviceAccountName: 'recorder' }
    const { spec } = recorderPod(aRecording(), order, config)
    expect(spec).toMatchObject({ serviceAccountName: 'recorder', imagePullSecrets: [{ name: 'pull' }] })
    expect(spec?.containers[0]?.resources).toEqual(podConfig.resources)
    expect(env('TRTC_RECORDER_CHROMIUM_ARGS', { ...pod, spec: spec! })).toBe('--use-test')
    expect(env('TRTC_RECORDER_CHROMIUM_ARGS')).toBeUndefined()
  })

  test('and has no variable that Kubernetes would fill in or shorten', () => {
    const { spec } = recorderPod(aRecording(), order, { ...podConfig, chromiumArgs: '--a=$(HOME) --b=$$ --c=$' })
    expect(env('TRTC_RECORDER_CHROMIUM_ARGS', { ...pod, spec: spec! })).toBe('--a=$$(HOME) --b=$$$$ --c=$$')
  })
})

describe('the volume', () => {
  const claim = volumeClaim(
    aRecording({ storage: { size: '3Gi', storageClassName: 'fast', retention: 'DeleteWhenStored' } }),
    'math-v2',
    podConfig.options,
  )

  test('is as large and of the class that was asked for', () => {
    expect(claim.metadata.name).toBe('math-v2')
    expect(claim.spec).toEqual({
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '3Gi' } },
      storageClassName: 'fast',
    })
  })

  test('has the size and class of the chart where nothing was asked for', () => {
    const options = podOptionsSchema.parse({ storageSize: '50Gi', storageClassName: 'slow' })
    const { spec } = volumeClaim(aRecording(), 'math-v1', options)
    expect(spec).toMatchObject({ resources: { requests: { storage: '50Gi' } }, storageClassName: 'slow' })
    const usual = volumeClaim(aRecording(), 'math-v1', podOptionsSchema.parse({}))
    expect(usual.spec).toEqual({ accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } })
  })

  test('has no owner that it would be collected with, and is known by UID', () => {
    expect(claim.metadata.ownerReferences).toBeUndefined()
    expect(belongsTo(claim as never, 'recording-uid')).toBe(true)
    expect(recordingOf(claim as never)).toEqual({ name: 'math', uid: 'recording-uid' })
  })
})
