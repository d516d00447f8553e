import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { z } from 'zod'
import { identities } from '../identities.ts'
import type { CosAccount } from './signature.ts'
import { issueKeys } from './temporary-keys.ts'

/*
 * The two services that give a machine or a Pod the keys of a role: a node's metadata service (213/47668) and STS's AssumeRoleWithWebIdentity
 * (1312/73070). Their keys work at the COS beside them, until they run out.
 */

export const rolesSchema = z.object({
  keysHoldSeconds: z.number().optional().describe('How long keys hold that are handed out from now on.'),
  nodeHasRole: z.boolean().optional().describe('Whether the metadata service names a role.'),
  silent: z.boolean().optional().describe('Whether both services answer 503.'),
  garbage: z.boolean().optional().describe('Whether both services answer 200 with a page of HTML, as a proxy does.'),
  torn: z
    .boolean()
    .optional()
    .describe('Whether answers with keys are no JSON: a quotation mark is missing in front of the first.'),
  tells: z
    .enum(['Seconds', 'Text', 'Time', 'Nothing'])
    .optional()
    .describe('How both say when keys run out: in seconds as a number, or as text, only as a time of ISO 8601, or not at all.'),
})
export type RolesChange = z.infer<typeof rolesSchema>

export interface Roles {
  url: string
  /** A token of a service account as Kubernetes would put it into a file. */
  webIdentityToken(expiresInSeconds: number): string
  change(change: RolesChange): void
  /** How many sets of keys have been handed out. */
  issued(): number
  close(): Promise<void>
}

const { roleName, roleArn, providerId } = identities.role
const securityCredentials = '/latest/meta-data/cam/security-credentials/'
const longestSession = 43_200

const assumeSchema = z.object({
  ProviderId: z.string(),
  WebIdentityToken: z.string(),
  RoleArn: z.string(),
  RoleSessionName: z.string().regex(/^[\w=,.@-]{2,128}$/),
  DurationSeconds: z.int().min(1).max(longestSession).optional(),
})

export async function startRoles(accounts: Map<string, CosAccount>, address: string, advertise: string): Promise<Roles> {
  const state: State = {
    keysHoldSeconds: 7200,
    nodeHasRole: true,
    silent: false,
    garbage: false,
    torn: false,
    tells: 'Seconds',
  }
  const signingKey = randomBytes(32)
  let issued = 0
  const server = fastify({ forceCloseConnections: true })
  server.addHook('onRequest', (_request, reply, done) => {
    reply.header('date', new Date().toUTCString())
    if (state.silent) void reply.code(503).send()
    else if (state.garbage) void reply.type('text/html').send('<html><body>Log in, please</body></html>')
    else done()
  })
  server.addHook('onSend', (_request, _reply, payload, done) => {
    done(null, state.torn && typeof payload === 'string' ? payload.replace('"TmpSecretId":"', '"TmpSecretId":') : payload)
  })

  const issue: Issue = (seconds) => {
    issued += 1
    const expiresAt = Date.now() + seconds * 1000
    return { keys: issueKeys(accounts, expiresAt), ...told(expiresAt, state.tells) }
  }
  metadata(server, state, issue)
  sts(server, state, issue, (token) => isGood(signingKey, token))

  await server.listen({ host: address, port: 0 })
  const { port } = server.server.address() as AddressInfo
  return {
    url: `http://${advertise}:${port}`,
    webIdentityToken: (seconds) => signed(signingKey, { exp: Math.floor(Date.now() / 1000) + seconds, jti: randomUUID() }),
    change: (change) => void Object.assign(state, change),
    issued: () => issued,
    close: () => server.close(),
  }
}

type State = { [Name in keyof RolesChange]-?: NonNullable<RolesChange[Name]> }
interface Expiry {
  ExpiredTime?: number | string
  Expiration?: string
}
type Issue = (seconds: number) => { keys: ReturnType<typeof issueKeys> } & Expiry

function told(expiresAt: number, tells: State['tells']): Expiry {
  const [ExpiredTime, Expiration] = [expiresAt / 1000, new Date(expiresAt).toISOString()]
  switch (tells) {
    case 'Seconds':
      return { ExpiredTime, Expiration }
    case 'Text':
      return { ExpiredTime: String(ExpiredTime) }
    case 'Time':
      return { Expiration }
    case 'Nothing':
      return {}
  }
}

function metadata(server: FastifyInstance, state: State, issue: Issue): void {
  server.get(securityCredentials, (_request, reply) =>
    state.nodeHasRole ? reply.type('text/plain').send(`${roleName}\n`) : reply.code(404).send(),
  )
  server.get<{ Params: { role: string } }>(`${securityCredentials}:role`, ({ params }, reply) => {
    if (!state.nodeHasRole || params.role !== roleName) return reply.code(404).send()
    const { keys, ...times } = issue(state.keysHoldSeconds)
    return { TmpSecretId: keys.secretId, TmpSecretKey: keys.secretKey, Token: keys.token, ...times, Code: 'Success' }
  })
}

function sts(server: FastifyInstance, state: State, issue: Issue, isGoodToken: (token: string) => boolean): void {
  server.post('/', ({ headers, body }) => {
    const RequestId = randomUUID()
    const refuse = (Code: string, Message: string) => ({ Response: { Error: { Code, Message }, RequestId } })
    if (headers['x-tc-action'] !== 'AssumeRoleWithWebIdentity') return refuse('InvalidAction', 'The request action is invalid.')
    if (headers['x-tc-version'] !== '2018-08-13' || headers.authorization !== 'SKIP' || !headers['x-tc-region']) {
      return refuse('MissingParameter', 'X-TC-Version, X-TC-Region and Authorization: SKIP are needed.')
    }
    const { data } = assumeSchema.safeParse(body)
    if (data === undefined) return refuse('InvalidParameter.ParamError', 'Parameter error.')
    if (data.ProviderId !== providerId || data.RoleArn !== roleArn)
      return refuse('ResourceNotFound.RoleNotFound', 'Role not found.')
    if (!isGoodToken(data.WebIdentityToken)) return refuse('InvalidParameter.WebIdentityTokenError', 'Web identity token error.')
    const { keys, ...times } = issue(Math.min(data.DurationSeconds ?? 7200, state.keysHoldSeconds))
    const Credentials = { TmpSecretId: keys.secretId, TmpSecretKey: keys.secretKey, Token: keys.token }
    return { Response: { ...times, Credentials, RequestId } }
  })
}

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()

/** A JWT (RFC 7519) as an issuer of OIDC tokens makes it. */
function signed(key: Buffer, claims: { exp: number; jti: string }): string {
  const text = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`
  return `${text}.${hmac(key, text).toString('base64url')}`
}

function isGood(key: Buffer, token: string): boolean {
  const [header, claims, signature] = token.split('.')
  if (!header || !claims || !signature) return false
  const given = Buffer.from(signature, 'base64url')
  const right = hmac(key, `${header}.${claims}`)
  if (given.length !== right.length || !timingSafeEqual(given, right)) return false
  const { exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { exp: number }
  return exp > Date.now() / 1000
}
