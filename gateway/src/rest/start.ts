import { idempotencyHeader } from '@trtc-recorder/api'
import { type Caller, grantFor, namespacesOf } from '../callers/caller.ts'
import { invalid, RefusedRequest } from '../errors.ts'
import type { Gateway } from '../http/call.ts'
import { isThere } from '../recordings/find.ts'
import { fingerprint, requestIdFrom } from '../recordings/names.ts'
import { keyReused, startRecording } from '../recordings/start.ts'
import { templateFieldOf } from '../template/fields.ts'
import { readTemplateBody, unwrapped } from '../template/request.ts'

/** What the template's function answers. */
export const submitted = 'Async run task submitted'

const keyPattern = /^[!-~]([ -~]{0,253}[!-~])?$/

/**
 * The template's request. Without an Idempotency-Key each call is a recorder of its own, as there; with one, the same key of the same caller is the same
 * request, however often and through whichever replica it comes.
 */
export async function startTemplate(
  gateway: Gateway,
  caller: Caller,
  { body, idempotencyKey, newId }: { body: unknown; idempotencyKey: string | undefined; newId: string },
): Promise<string> {
  const { sdkAppId, spec, secrets } = readTemplateBody(unwrapped(body))
  const grant = grantFor(caller, sdkAppId)
  if (grant === undefined) {
    throw new RefusedRequest('Forbidden', `SdkAppId: ${caller.name} may not record application ${sdkAppId}`, {
      problems: [{ field: 'SdkAppId', kind: 'range', message: `${caller.name} may not record this application` }],
    })
  }
  if (idempotencyKey !== undefined && !keyPattern.test(idempotencyKey)) {
    throw invalid([{ field: idempotencyHeader, kind: 'range', message: 'must be 1 to 255 printable ASCII characters' }])
  }
  const requestId = idempotencyKey === undefined ? newId : requestIdFrom('Template', caller.name, idempotencyKey)
  if (idempotencyKey !== undefined) {
    // A name is made once in its namespace; those of the caller's other grants have to be asked.
    for (const namespace of namespacesOf(caller))
      if (namespace !== grant.namespace && (await isThere(gateway.client, caller, namespace, requestId))) throw keyReused()
  }
  await startRecording(gateway.client, {
    ...{ requestId, contract: 'Template', caller, grant, spec, secrets, fingerprint: fingerprint(spec) },
    fieldOf: templateFieldOf,
    keepSeconds: gateway.keepSeconds,
    admit: () => gateway.quota.admit(caller),
  })
  return requestId
}
