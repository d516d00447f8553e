import { type RecorderJob, recorderJobSchema } from '@trtc-recorder/api'
import { pino } from 'pino'

/** A job for tests; what a test is about goes into `spec`. */
export function aJob(spec: Record<string, unknown> = {}, more: Partial<RecorderJob> = {}): RecorderJob {
  return recorderJobSchema.parse({
    recording: { namespace: 'school', name: 'maths', uid: '' },
    attempt: 1,
    ...more,
    spec: {
      sdkAppId: 1400000001,
      roomId: 101,
      userId: 'recorder',
      userSigSecretRef: { name: 'trtc' },
      mode: '02',
      cos: {
        region: 'ap-guangzhou',
        bucket: 'lessons-1250000000',
        path: '/lessons',
        credentialsSecretRef: { name: 'cos' },
        endpoint: 'http://127.0.0.1:1',
      },
      ...spec,
    },
  })
}

export const noLog = pino({ enabled: false })
