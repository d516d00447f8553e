import type { Readable } from 'node:stream'
import type { KubeConfig } from '@kubernetes/client-node'
import { request as undiciRequest } from 'undici'
import { type ClusterAccess, fromKubeConfig } from './access.ts'
import { Authentication } from './auth.ts'
import { ApiError, ConnectionError, parseRetryAfter, type Status } from './errors.ts'
import { lines } from './lines.ts'
import { resourcePath } from './resources.ts'
import type { KubeList, KubeObject, New, ObjectRef, Resource } from './types.ts'

export interface JsonPatchOperation {
  op: 'add' | 'remove' | 'replace' | 'test'
  path: string
  value?: unknown
}

export type Patch =
  /** RFC 6902. A failed `test` is answered with 422 (`isInvalid`). */
  | { type: 'json'; operations: JsonPatchOperation[] }
  /** RFC 7386: `null` deletes, lists are replaced whole. With `metadata.resourceVersion` in it, it is refused with 409 if stale. */
  | { type: 'merge'; body: unknown }
  /** Server-side apply. */
  | { type: 'apply'; body: unknown; fieldManager: string; force?: boolean }

export interface CallOptions {
  signal?: AbortSignal
  /** How long until the answer's headers, and between two pieces of its body. Default 30 s. */
  timeoutMillis?: number
}

export interface WriteOptions extends CallOptions {
  subresource?: string
  /** Strict: refused where a field of it is not known, which would be dropped otherwise. */
  fieldValidation?: 'Strict'
}

export interface ListOptions extends CallOptions {
  namespace?: string
  labelSelector?: string
  fieldSelector?: string
  limit?: number
  continue?: string
  resourceVersion?: string
}

export interface WatchOptions extends CallOptions {
  namespace?: string
  labelSelector?: string
  fieldSelector?: string
  resourceVersion: string
  /** The server ends the watch by itself after this long. */
  timeoutSeconds: number
  allowWatchBookmarks?: boolean
}

export interface DeleteOptions extends CallOptions {
  /** Delete only this incarnation; 409 if the name belongs to another one by now. */
  uid?: string
  resourceVersion?: string
  gracePeriodSeconds?: number
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
}

export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: T
}

/** Called after each request; `code` is the HTTP status, or `error` if there was no answer; `date` is when it was given, as the header of that name says. */
export type RequestObserver = (request: {
  method: string
  code: string
  host: string
  seconds: number
  date: string | undefined
}) => void

/**
 * A client for the API server that takes and gives the JSON as it is (client-node's typed calls drop every field they do not know).
 * It retries nothing: whoever calls knows whether a repeat is safe. Every call throws ApiError (the server said no) or
 * ConnectionError (no answer), and the message names the call and the object.
 */
export interface KubeClient {
  get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options?: CallOptions): Promise<T>
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<KubeList<T>>
  create<T extends KubeObject>(resource: Resource<T>, object: New<T>, options?: CallOptions): Promise<T>
  /** PUT; refused with 409 if `metadata.resourceVersion` is stale. */
  replace<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>
  patch<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, patch: Patch, options?: WriteOptions): Promise<T>
  /**
   * Accepted is not gone: finalizers and the grace period keep the object. Gives it as it is from now on, or as it was when it went; undefined where the
   * API server says only that it is gone. 404 if there is none.
   */
  delete<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options?: DeleteOptions): Promise<T | undefined>
  /** Ends when the server ends it; throws like the rest. An ERROR event is thrown as the ApiError it is. */
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>, void, void>
  /** Any path, for what has no method here, such as `/readyz` or a Pod's log. Gives the body as text. */
  text(method: string, path: string, options?: CallOptions): Promise<string>
  close(): Promise<void>
}

const contentTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const

export interface KubeClientOptions {
  observer?: RequestObserver
  userAgent?: string
}

export function createKubeClient(access: ClusterAccess | KubeConfig, options: KubeClientOptions = {}): KubeClient {
  const authentication = new Authentication('credentials' in access ? access : fromKubeConfig(access))
  const userAgent = options.userAgent ?? 'trtc-recorder-operator'

  async function send(call: Call): Promise<Readable & { text(): Promise<string> }> {
    const { server, headers, dispatcher } = await authentication.connection()
    const url = `${server}${call.path}${query(call.query)}`
    const started = performance.now()
    const observe = (code: string, date?: string) =>
      options.observer?.({
        ...{ method: call.method, code, date },
        ...{ host: new URL(server).host, seconds: (performance.now() - started) / 1000 },
      })
    const timeout = call.timeoutMillis ?? 30_000
    const answer = await undiciRequest(url, {
      method: call.method as 'GET',
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': userAgent,
        ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      headersTimeout: timeout,
      bodyTimeout: call.bodyTimeoutMillis ?? timeout,
      ...(dispatcher === undefined ? {} : { dispatcher }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    }).catch((error) => {
      observe('error')
      throw connectionError(call, error)
    })
    observe(String(answer.statusCode), single(answer.headers.date))
    if (answer.statusCode < 300) return answer.body
    if (answer.statusCode === 401) authentication.invalidate()
    const retryAfter = parseRetryAfter(single(answer.headers['retry-after']))
    throw new ApiError(call.what, answer.statusCode, parseStatus(await answer.body.text().catch(() => '')), retryAfter)
  }

  async function json<T>(call: Call): Promise<T> {
    const body = await send(call)
    try {
      return JSON.parse(await body.text()) as T
    } catch (error) {
      throw connectionError(call, error)
    }
  }

  return {
    get: (resource, ref, call) =>
      json({ ...call, method: 'GET', what: what('get', resource, ref), path: resourcePath(resource, ref.namespace, ref.name) }),

    list: (resource, { namespace, labelSelector, fieldSelector, limit, continue: token, resourceVersion, ...call } = {}) =>
      json({
        ...call,
        method: 'GET',
        what: what('list', resource, { namespace, name: undefined }),
        path: resourcePath(resource, namespace),
        query: { labelSelector, fieldSelector, limit, continue: token, resourceVersion },
      }),

    create: (resource, object, call) =>
      json({
        ...call,
        method: 'POST',
        what: what('create', resource, object.metadata),
        path: resourcePath(resource, object.metadata.namespace),
        body: object,
      }),

    replace: (resource, object, { subresource, fieldValidation, ...call } = {}) =>
      json({
        ...call,
        method: 'PUT',
        what: what('replace', resource, object.metadata, subresource),
        path: resourcePath(resource, object.metadata.namespace, object.metadata.name, subresource),
        query: { fieldValidation },
        body: object,
      }),

    patch: (resource, ref, patch, { subresource, fieldValidation, ...call } = {}) =>
      json({
        ...call,
        method: 'PATCH',
        what: what('patch', resource, ref, subresource),
        path: resourcePath(resource, ref.namespace, ref.name, subresource),
        contentType: contentTypes[patch.type],
        body: patch.type === 'json' ? patch.operations : patch.body,
        query: { fieldValidation, ...(patch.type === 'apply' ? { fieldManager: patch.fieldManager, force: patch.force } : {}) },
      }),

    delete: async <T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options: DeleteOptions = {}) => {
      const { uid, resourceVersion, gracePeriodSeconds, propagationPolicy, ...call } = options
      const answer = await json<T>({
        ...call,
        method: 'DELETE',
        what: what('delete', resource, ref),
        path: resourcePath(resource, ref.namespace, ref.name),
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          gracePeriodSeconds,
          propagationPolicy,
          ...(uid === undefined && resourceVersion === undefined ? {} : { preconditions: { uid, resourceVersion } }),
        },
      })
      return answer.metadata?.uid === undefined ? undefined : answer
    },

    async *watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions) {
      const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds, allowWatchBookmarks, ...rest } = options
      const call: Call = {
        ...rest,
        method: 'GET',
        what: what('watch', resource, { namespace, name: undefined }),
        path: resourcePath(resource, namespace),
        query: {
          watch: true,
          labelSelector,
          fieldSelector,
          resourceVersion,
          timeoutSeconds,
          allowWatchBookmarks: allowWatchBookmarks ?? true,
        },
        // Silence is judged by the reader, who knows what to expect.
        bodyTimeoutMillis: 0,
      }
      const body = await send(call)
      try {
        for await (const line of lines(body)) {
          const event = JSON.parse(line) as WatchEvent<T>
          if (event.type === 'ERROR') {
            const status = event.object as unknown as Status
            throw new ApiError(call.what, status.code ?? 500, status)
          }
          yield event
        }
      } catch (error) {
        throw error instanceof ApiError ? error : connectionError(call, error)
      } finally {
        body.destroy()
      }
    },

    text: async (method, path, call) => (await send({ ...call, method, what: `${method} ${path}`, path })).text(),

    close: () => authentication.close(),
  }
}

interface Call extends CallOptions {
  method: string
  /** For messages: `get pods lessons/math-1`. */
  what: string
  path: string
  query?: Record<string, string | number | boolean | undefined>
  body?: unknown
  contentType?: string
  bodyTimeoutMillis?: number
}

function what(
  verb: string,
  resource: Resource,
  ref: { namespace?: string | undefined; name?: string | undefined; generateName?: string | undefined },
  subresource?: string,
): string {
  const name = ref.name ?? (ref.generateName === undefined ? undefined : `${ref.generateName}*`)
  const object = [ref.namespace, name].filter((part) => part !== undefined).join('/')
  return `${verb} ${resource.plural}${subresource === undefined ? '' : `/${subresource}`}${object === '' ? '' : ` ${object}`}`
}

function query(parameters: Call['query'] = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') search.set(name, String(value))
  }
  return search.size === 0 ? '' : `?${search}`
}

const single = (header: string | string[] | undefined) => (Array.isArray(header) ? header[0] : header)

function parseStatus(body: string): Status {
  try {
    const status = JSON.parse(body) as Status
    if (status !== null && typeof status === 'object') return status
  } catch {
    // A proxy or a load balancer answered, not the API server.
  }
  return { message: body.slice(0, 200) }
}

function connectionError(call: Call, error: unknown): Error {
  if (call.signal?.aborted) return call.signal.reason instanceof Error ? call.signal.reason : new Error('aborted')
  const { message, code, cause } = error as Error & { code?: string }
  const why = [code, message, (cause as Error | undefined)?.message].filter((part) => part).join(': ')
  return new ConnectionError(`${call.what}: no whole answer from the API server: ${why}`, { cause: error })
}
