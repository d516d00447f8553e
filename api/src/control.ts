import { z } from 'zod'
import { admittedSubscribeSchema, group } from './recording.ts'

/**
 * What may change of a recording under way reaches its recorder as one annotation of the Pod, which the kubelet keeps as a file in a
 * downward API volume: no network, no token, and 0.25 to 0.6 s from the API server to the recorder (measured). The file is
 * `recorderEnv.control`; without it, as by hand or under an older operator, the job's spec holds and nothing changes.
 */
export const controlAnnotation = `${group}/control`

const running = { version: z.literal(1), subscribe: admittedSubscribeSchema.describe('Whom to record from now on.') }

export const controlSchema = z.discriminatedUnion('desiredState', [
  z.object({ ...running, desiredState: z.literal('Running') }),
  z.object({
    ...running,
    desiredState: z.literal('Paused').describe('Nothing of anybody is taken or written until it is Running again.'),
  }),
  z.object({
    ...running,
    desiredState: z.literal('Stopped').describe('For good: finish, store, and end.'),
    stopReason: z.enum(['StopRequested', 'Deleted']).describe('Why, as the result has to say it.'),
  }),
])
export type Control = z.infer<typeof controlSchema>
