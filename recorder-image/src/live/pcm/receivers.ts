import { recorderEnv } from '@trtc-recorder/api'
import type { ReceiverPolicy } from '@trtc-recorder/api/receivers'
import { z } from 'zod'

const policySchema = z.object({
  allow: z.array(z.string()),
  deny: z.array(z.string()),
  apiServer: z.array(z.string()),
  allowPrivate: z.boolean(),
})

/** Whom a recorder may call: as the operator says, which judges callbacks by the same. Without one only the API server of a cluster is added to what nobody may call. */
export function receiverPolicy(environment: NodeJS.ProcessEnv): ReceiverPolicy {
  const told = environment[recorderEnv.receivers]
  if (told !== undefined) return policySchema.parse(JSON.parse(told))
  const { KUBERNETES_SERVICE_HOST: apiServer } = environment
  return { allow: [], deny: [], apiServer: apiServer === undefined ? [] : [apiServer], allowPrivate: true }
}
