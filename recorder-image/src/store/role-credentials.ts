import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { expiryOf } from './credentials.ts'
import type { CredentialSource, TemporaryCredentials } from './temporary-credentials.ts'

/*
 * The two ways in which a Pod has a role of Tencent's access management (CAM) without a Secret. What the answers look like: "Instance
 * roles" (213/47668) and AssumeRoleWithWebIdentity (1312/73070). Both are asked with Node's own fetch: the cloud SDK's providers know neither
 * time-outs nor another address.
 */

const timeoutMillis = 5_000
const defaultMetadata = 'http://metadata.tencentyun.com'
const defaultSts = 'https://sts.tencentcloudapi.com'
const sessionSeconds = 7200

/** How a Pod on TKE with a service account that has a role is told of it (env of the pod identity webhook). */
export interface WebIdentity {
  region: string
  providerId: string
  roleArn: string
  tokenFile: string
}

/** Undefined where the environment does not have all of it. */
export function webIdentityOf(environment: NodeJS.ProcessEnv): WebIdentity | undefined {
  const { TKE_REGION: region, TKE_PROVIDER_ID: providerId, TKE_ROLE_ARN: roleArn } = environment
  const { TKE_WEB_IDENTITY_TOKEN_FILE: tokenFile } = environment
  return region && providerId && roleArn && tokenFile ? { region, providerId, roleArn, tokenFile } : undefined
}

const keysSchema = z.object({ TmpSecretId: z.string().min(1), TmpSecretKey: z.string().min(1), Token: z.string().min(1) })
/** Both services say it twice. */
const expirySchema = z.object({ ExpiredTime: z.union([z.number(), z.string()]).optional(), Expiration: z.string().optional() })

const roleAnswer = keysSchema.extend({ Code: z.literal('Success').optional(), ...expirySchema.shape })
/** What a role is called; anything else names none. */
const roleName = /^[\w+=,.@-]+$/

/** The role of the machine, from its metadata service. */
export function metadataCredentials(base = defaultMetadata): CredentialSource {
  const url = `${base}/latest/meta-data/cam/security-credentials/`
  return {
    name: 'the metadata service',
    async fetch() {
      const [role = ''] = (await ask(url)).text.split('\n').map((line) => line.trim())
      if (!roleName.test(role)) throw new Error(`${url} names no role. Give the node one, or set spec.cos.credentialsSecretRef`)
      const answer = await ask(url + encodeURIComponent(role))
      const given = parsed(roleAnswer, answer, url)
      return keysOf(given, given, answer)
    },
  }
}

const stsAnswer = z.object({
  Response: z.union([
    expirySchema.extend({ Credentials: keysSchema }),
    z.object({ Error: z.object({ Code: z.string(), Message: z.string() }) }),
  ]),
})

/** The role of the Pod's service account, from STS, for the token that Kubernetes renews in a file. */
export function webIdentityCredentials(identity: WebIdentity, base = defaultSts): CredentialSource {
  return {
    name: 'STS',
    async fetch() {
      const WebIdentityToken = (await readFile(identity.tokenFile, 'utf8')).trim()
      const answer = await ask(`${base}/`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: 'SKIP', // The token is the proof.
          'x-tc-action': 'AssumeRoleWithWebIdentity',
          'x-tc-version': '2018-08-13',
          'x-tc-region': identity.region,
          'x-tc-timestamp': String(Math.floor(Date.now() / 1000)),
        },
        body: JSON.stringify({
          ProviderId: identity.providerId,
          WebIdentityToken,
          RoleArn: identity.roleArn,
          RoleSessionName: `trtc-recorder-${randomUUID().slice(0, 8)}`,
          DurationSeconds: sessionSeconds,
        }),
      })
      const { Response: given } = parsed(stsAnswer, answer, base)
      if ('Error' in given) {
        throw new Error(
          `STS did not let ${identity.providerId} have ${identity.roleArn}: ${given.Error.Code}: ${given.Error.Message}`,
        )
      }
      return keysOf(given.Credentials, given, answer)
    },
  }
}

interface Answer {
  text: string
  headers: Headers
}

async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  let response: Response
  let text: string
  try {
    response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMillis) })
    text = await response.text()
  } catch (error) {
    const { cause, message } = error as Error
    throw new Error(`${url} did not answer: ${cause instanceof Error ? cause.message : message}`)
  }
  if (!response.ok) throw new Error(`${url} answered HTTP ${response.status}`)
  return { text, headers: response.headers }
}

function parsed<T>(schema: z.ZodType<T>, { text }: Answer, url: string): T {
  const { data, error } = schema.safeParse(jsonOf(text))
  // The answer itself is not told, nor what JSON.parse says of it: there may be keys in it.
  if (error) throw new Error(`${url} answered something else than keys: ${error.issues[0]?.path.join('.') || 'it is no JSON'}`)
  return data
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** How long they hold is what counts: our clock may be wrong. */
function keysOf(
  { TmpSecretId, TmpSecretKey, Token }: z.infer<typeof keysSchema>,
  { ExpiredTime, Expiration }: z.infer<typeof expirySchema>,
  { headers }: Answer,
): TemporaryCredentials {
  const theirNow = Date.parse(headers.get('date') ?? '')
  const skewMillis = Number.isNaN(theirNow) ? 0 : Date.now() - theirNow
  const expiry = expiryOf(ExpiredTime) ?? expiryOf(Expiration)
  return {
    ...{ secretId: TmpSecretId, secretKey: TmpSecretKey, token: Token },
    ...(expiry === undefined ? {} : { expiresAt: new Date(expiry.getTime() + skewMillis) }),
  }
}
