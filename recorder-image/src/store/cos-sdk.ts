import http from 'node:http'
import https from 'node:https'
import COS from 'cos-nodejs-sdk-v5'
import type { CosCredentials } from './credentials.ts'
import { StoreError } from './upload.ts'

/*
 * How cos-nodejs-sdk-v5 3.0 is made to do one request, once, and to tell what became of it. What it does that one would not expect:
 * - The signature is made here, with its own function: being asked for one is the only word of a repetition, and keys may change.
 * - It repeats a failed request up to three times at once, and then knows only the last failure, unless the body is a stream.
 *   Bodies are streams here, which also keeps them out of memory. Other requests are ended where it asks for the next signature,
 *   with the failure that our HTTP module saw.
 * - On a wrong clock it writes to stderr and corrects itself; that is switched off and done here.
 * - Its keep-alive keeps the process alive, and it leaves a request open when the answer comes before the body is through; Node's
 *   own agent, and our hold on the request, see to both.
 * - It moves to another domain (tencentcos.cn) after failures; a bucket has one address here.
 * - It rejects with plain objects, not Errors.
 * - It counts as silence what the system still sends: a socket takes megabytes that a slow line needs minutes for. So where a request was all handed on, and is
 *   not answered in time, the next one of its kind gets twice as long, and those after it about as long as its answer then took to begin.
 */

export interface SdkOptions {
  /** Scheme, domain and port of another address than COS's own; the bucket stands in front of the domain. */
  endpoint: string | undefined
  silenceMillis: number
  signing(): { credentials: CosCredentials; clockOffsetMillis: number }
}

/** A request that COS refused, answered with an error, or did not answer. */
export class RequestFailure extends Error {
  override readonly name = 'RequestFailure'
  /** 0 where there was no answer. */
  readonly status: number
  /** COS's code, or the system's; empty where an answer has none. */
  readonly code: string
  readonly requestId: string | undefined
  /** COS's clock, where it answered. */
  readonly serverDate: string | undefined

  constructor(status: number, code: string, message: string, headers: Headers = {}) {
    super(message)
    this.status = status
    this.code = code
    this.requestId = headers['x-cos-request-id']
    this.serverDate = headers.date
  }
}

type Headers = Record<string, string | undefined>
/** What every call must hand on to the SDK as `Headers`; it marks the call and never leaves the machine. */
export type CallHeaders = Record<string, string>
const mark = 'x-trtc-recorder-call'

/** By then nobody answers any more. */
const mostPatience = 8

/** One call of the SDK on its way. */
interface Call {
  operation: string
  request?: http.ClientRequest
  status: number
  headers: Headers
  body: string
  /** How long its connection may be silent, and since when all of it is handed on. */
  patienceMillis: number
  handedOnAt?: number
  /** Since when it is answered. */
  answeredAt?: number
  error?: NodeJS.ErrnoException
  giveUp(failure: RequestFailure): void
}

export function createSdk({ endpoint, silenceMillis, signing }: SdkOptions) {
  const [scheme = 'https', host = ''] = endpoint?.split('://') ?? []
  const agents = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) }
  const calls = new Map<string, Call>()
  let lastCall = 0
  /** By operation. */
  const patience = new Map<string, number>()

  const cos = new COS({
    Protocol: `${scheme}:`,
    ...(host === '' ? {} : { Domain: `{Bucket}.${host}` }),
    Timeout: silenceMillis,
    KeepAlive: false,
    CorrectClockSkew: false,
    AutoSwitchHost: false,
    getAuthorization(request: COS.GetAuthorizationOptions, callback: (answer: COS.GetAuthorizationCallbackParams) => void) {
      const headers = request.Headers as CallHeaders
      const call = calls.get(headers[mark] ?? '')
      if (call && 'x-cos-sdk-retry' in headers) call.giveUp(failureOf(call))
      else callback(signed(request))
    },
  } as COS.COSOptions)

  cos.on('before-send', (request: SdkRequest) => {
    const call = calls.get(request.headers[mark] ?? '')
    delete request.headers[mark]
    if (call) request.timeout = call.patienceMillis
    request.agent = request.url.startsWith('http:') ? agents.http : agents.https
    request.httpModules = { 'http:': watched(http, call), 'https:': watched(https, call) }
  })

  function signed({ Method, Key, Query, Headers }: COS.GetAuthorizationOptions): COS.GetAuthorizationCallbackParams {
    const { credentials, clockOffsetMillis } = signing()
    const Authorization = COS.getAuthorization({
      SecretId: credentials.secretId,
      SecretKey: credentials.secretKey,
      Method,
      Pathname: `/${Key}`,
      Query,
      Headers,
      SystemClockOffset: clockOffsetMillis,
    } as COS.StaticGetAuthorizationOptions)
    return { Authorization, SecurityToken: credentials.token ?? '' } as COS.GetAuthorizationCallbackParams
  }

  const patienceOf = (operation: string) => patience.get(operation) ?? silenceMillis

  /** How long others of its kind may wait from now on. */
  function answered({ operation, answeredAt = 0, handedOnAt = answeredAt }: Call): void {
    const patienceMillis = Math.max(silenceMillis, patienceOf(operation) / 2, 2 * (answeredAt - handedOnAt))
    patience.set(operation, Math.min(patienceMillis, mostPatience * silenceMillis))
  }

  function failed({ operation, patienceMillis, status, handedOnAt }: Call): void {
    const wasSilent = status === 0 && handedOnAt !== undefined && performance.now() - handedOnAt > 0.9 * patienceMillis
    if (!wasSilent) return
    patience.set(operation, Math.max(patienceOf(operation), Math.min(2 * patienceMillis, mostPatience * silenceMillis)))
  }

  function failureOf({ status, headers, body, error, patienceMillis }: Call): RequestFailure {
    if (status !== 0) return new RequestFailure(status, element(body, 'Code'), element(body, 'Message'), headers)
    if (error) return new RequestFailure(0, error.code ?? 'NoAnswer', error.message)
    return new RequestFailure(0, 'ETIMEDOUT', `nothing came for ${patienceMillis / 1000} s`)
  }

  return {
    /**
     * Runs one call of the SDK; rejects with a RequestFailure, with the StoreError that a body's own stream ended with, or with
     * `signal.reason` as soon as that aborts.
     */
    call<T>(operation: string, signal: AbortSignal, send: (cos: COS, headers: CallHeaders) => Promise<T>): Promise<T> {
      const id = String(++lastCall)
      return new Promise<T>((resolve, reject) => {
        const end = (settle: () => void) => {
          calls.delete(id)
          signal.removeEventListener('abort', abort)
          settle()
        }
        const giveUp = (failure: unknown) => {
          failed(call)
          call.request?.destroy()
          end(() => reject(failure))
        }
        const abort = () => giveUp(signal.reason)
        const call: Call = { operation, patienceMillis: patienceOf(operation), status: 0, headers: {}, body: '', giveUp }
        calls.set(id, call)
        if (signal.aborted) return abort()
        signal.addEventListener('abort', abort)
        send(cos, { [mark]: id }).then(
          (answer) => {
            answered(call)
            end(() => resolve(answer))
          },
          (error: unknown) => giveUp(error instanceof StoreError ? error : failureOfSdk(error as SdkError, call)),
        )
      })
    },
  }

  /** The SDK's own error says more where COS answered 200 and an error in the body, or where there was no request at all. */
  function failureOfSdk({ code = '', message = '', error }: SdkError, call: Call): RequestFailure {
    if (call.status >= 300) return failureOf(call)
    if (call.status === 0) return new RequestFailure(0, code, message ?? '')
    return new RequestFailure(500, error?.Code ?? code, error?.Message ?? message ?? '', call.headers)
  }
}

interface SdkRequest {
  url: string
  headers: CallHeaders
  timeout?: number
  agent?: unknown
  /** In place of Node's modules, by protocol. */
  httpModules?: Record<string, unknown>
}

interface SdkError {
  code?: string
  message?: string
  error?: { Code?: string; Message?: string }
}

/** Node's module, with an eye on the request and its answer. */
function watched(module: typeof http | typeof https, call: Call | undefined) {
  return {
    ...module,
    request(options: http.RequestOptions) {
      const request = module.request(options)
      if (!call) return request
      call.request = request
      request.on('error', (error) => {
        call.error = error
      })
      request.on('finish', () => {
        call.handedOnAt = performance.now()
      })
      request.on('response', (response) => {
        call.answeredAt = performance.now()
        call.status = response.statusCode ?? 0
        call.headers = response.headers as Headers
        if (call.status >= 300) response.on('data', (chunk) => (call.body += String(chunk)))
      })
      return request
    },
  }
}

const entities: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'", '&amp;': '&' }

/** Text of an element of COS's error document; empty if there is none, as in answers to HEAD. */
function element(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? ''
  return text.replace(/&[a-z]+;/g, (entity) => entities[entity] ?? entity)
}
