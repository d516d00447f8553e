import type { ObjectSummary, UploadSummary } from './control.ts'
import type { Fault, FaultKind } from './faults.ts'
import type { RequestFilter, RequestRecord } from './request-log.ts'
import type { RolesChange } from './roles.ts'
import type { TemporaryKeys } from './temporary-keys.ts'

export type { ObjectSummary, UploadSummary } from './control.ts'
export type { Fault, FaultKind } from './faults.ts'
export type { CosOperation } from './operation.ts'
export type { RequestFilter, RequestRecord } from './request-log.ts'
export type { TemporaryKeys } from './temporary-keys.ts'

export type CosControl = ReturnType<typeof cosControl>

/** Client of the COS stand-in's control API, for tests and demos: see, break and repair what a client of COS cannot. */
export function cosControl(controlUrl: string) {
  async function call(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await fetch(`${controlUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    if (!response.ok) throw new Error(`COS control: ${method} ${path} answered ${response.status}: ${await response.text()}`)
    return response
  }
  const query = (values: Record<string, string>) => new URLSearchParams(values).toString()
  const find = async (filter: RequestFilter, count: number, timeoutMillis: number): Promise<RequestRecord[]> =>
    (await call('POST', '/requests', { filter, count, timeoutMillis })).json() as Promise<RequestRecord[]>

  return {
    createBucket: async (bucket: string) => void (await call('PUT', `/buckets/${bucket}`)),
    /** With everything in it. */
    deleteBucket: async (bucket: string) => void (await call('DELETE', `/buckets/${bucket}`)),

    objects: async (bucket: string, prefix = ''): Promise<ObjectSummary[]> =>
      (await call('GET', `/objects?${query({ bucket, prefix })}`)).json() as Promise<ObjectSummary[]>,
    fetch: async (bucket: string, key: string): Promise<Buffer> =>
      Buffer.from(await (await call('GET', `/object?${query({ bucket, key })}`)).arrayBuffer()),
    deleteObject: async (bucket: string, key: string) => void (await call('DELETE', `/object?${query({ bucket, key })}`)),

    /** Multipart uploads in progress, with the parts they have. */
    uploads: async (bucket: string, prefix = ''): Promise<UploadSummary[]> =>
      (await call('GET', `/uploads?${query({ bucket, prefix })}`)).json() as Promise<UploadSummary[]>,
    /** Aborts them behind the back of whoever uploads. */
    abortUploads: async (bucket: string, prefix = '') => void (await call('DELETE', `/uploads?${query({ bucket, prefix })}`)),

    /** Lets something go wrong for matching requests: the next `count`, or all until `clearFaults`. */
    fault: async (fault: FaultKind, match: Omit<Fault, 'fault'> = {}) =>
      void (await call('POST', '/faults', { ...match, fault })),
    /** Answers 403 AccessDenied to everything in a bucket, or to these operations only. */
    deny: async (bucket: string, operations?: Fault['operations']) =>
      void (await call('POST', '/faults', {
        fault: { kind: 'error', status: 403, code: 'AccessDenied' },
        bucket,
        ...(operations ? { operations } : {}),
      })),
    /** Those of a bucket, which leaves alone what others have asked for, or all. */
    clearFaults: async (bucket?: string) =>
      void (await call('DELETE', bucket === undefined ? '/faults' : `/faults?${query({ bucket })}`)),
    /** Closes the port and every connection, or opens it again. */
    outage: async (on: boolean) => void (await call('PUT', '/outage', { on })),
    /** Lets COS believe that it is later (positive) or earlier than it is. */
    clockOffset: async (offsetMillis: number) => void (await call('PUT', '/clock', { offsetMillis })),
    temporaryKeys: async (expiresInSeconds: number): Promise<TemporaryKeys> =>
      (await call('POST', '/tokens', { expiresInSeconds })).json() as Promise<TemporaryKeys>,
    /** All temporary keys have run out now. */
    expireKeys: async () => void (await call('POST', '/tokens/expire')),
    /** Metadata service and STS: how they behave from now on, where they are, how many keys they have handed out. */
    changeRoles: async (change: RolesChange) => void (await call('PUT', '/roles', change)),
    roles: async (): Promise<{ url: string; issued: number }> =>
      (await call('GET', '/roles')).json() as Promise<{ url: string; issued: number }>,
    /** A token of a service account that STS takes until it runs out. */
    webIdentityToken: async (expiresInSeconds: number): Promise<string> =>
      ((await (await call('POST', '/roles/token', { expiresInSeconds })).json()) as { token: string }).token,

    /** Requests answered so far, oldest first. */
    requests: (filter: RequestFilter = {}): Promise<RequestRecord[]> => find(filter, 0, 0),
    clearRequests: async () => void (await call('DELETE', '/requests')),
    /** Waits until `count` matching requests have been answered. */
    async waitFor(filter: RequestFilter, count = 1, timeoutMillis = 10_000): Promise<RequestRecord[]> {
      const found = await find(filter, count, timeoutMillis)
      if (found.length >= count) return found
      throw new Error(
        `COS saw ${found.length} of ${count} requests like ${JSON.stringify(filter)} within ${timeoutMillis / 1000} s`,
      )
    },
  }
}
