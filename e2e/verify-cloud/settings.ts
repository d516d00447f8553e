import { readFile, stat } from 'node:fs/promises'
import { parse } from 'yaml'
import { z } from 'zod'

/** Whose cloud is looked at, and with what. Comes from a file or the environment, never from arguments, which every user of a machine can read. */
export const settingsSchema = z.strictObject({
  sdkAppId: z.coerce.number().int().min(1).max(4294967295),
  /** Of the TRTC application: signs UserSig. */
  sdkSecretKey: z.string().min(1),
  /** Of an account or a user that may RemoveUser, DismissRoom, GetFederationToken, and write and delete in the bucket. */
  secretId: z.string().min(1),
  secretKey: z.string().min(1),
  region: z.string().regex(/^[a-z]+(-[a-z0-9]+)+$/, 'must be a region such as ap-guangzhou'),
  bucket: z.string().regex(/^[a-z0-9][a-z0-9-]*-[0-9]+$/, 'must be the whole name, such as recordings-1250000000'),
  /** How long the anchor publishes. */
  seconds: z.coerce.number().min(4).max(600).default(60),
  /** How long each end is waited for. */
  patienceSeconds: z.coerce.number().min(1).max(300).default(60),
  /** Where another cloud stands in for Tencent's. */
  endpoints: z
    .strictObject({
      /** host:port of the API over plain HTTP, for TRTC and STS. */
      api: z.string(),
      /** Scheme, domain and port; the bucket stands in front. */
      cos: z.url(),
      /** host:port. */
      room: z.string(),
      /** For Chromium's --ignore-certificate-errors-spki-list. */
      roomSpki: z.string(),
    })
    .optional(),
})
export type Settings = z.infer<typeof settingsSchema>

const variables = {
  sdkAppId: 'VERIFY_CLOUD_SDK_APP_ID',
  sdkSecretKey: 'VERIFY_CLOUD_SDK_SECRET_KEY',
  secretId: 'VERIFY_CLOUD_SECRET_ID',
  secretKey: 'VERIFY_CLOUD_SECRET_KEY',
  region: 'VERIFY_CLOUD_REGION',
  bucket: 'VERIFY_CLOUD_BUCKET',
  seconds: 'VERIFY_CLOUD_SECONDS',
} as const
const otherThanOwner = 0o077

/** From the YAML file that VERIFY_CLOUD_FILE names, and over it from VERIFY_CLOUD_* variables. Rejects with what is missing or wrong, by name. */
export async function settingsFrom(env: NodeJS.ProcessEnv): Promise<Settings> {
  const file = env.VERIFY_CLOUD_FILE
  const fromFile: unknown = file === undefined ? {} : (parse(await keptFile(file)) ?? {})
  if (typeof fromFile !== 'object' || Array.isArray(fromFile))
    throw new Error(`${file}: must hold one setting a line, such as sdkAppId: 1400000001`)
  const fromEnvironment = Object.fromEntries(
    Object.entries(variables).flatMap(([name, variable]) => (env[variable] ? [[name, env[variable]]] : [])),
  )
  const given: Record<string, unknown> = { ...fromFile, ...fromEnvironment }
  const { data, error } = settingsSchema.safeParse(given)
  if (data !== undefined) return data
  const lines = error.issues.map(({ path, message }) => {
    const name = String(path[0] ?? '')
    const variable = Object.hasOwn(variables, name) ? ` (${variables[name as keyof typeof variables]})` : ''
    return `  ${path.join('.')}${variable}: ${name !== '' && given[name] === undefined ? 'is missing' : message}`
  })
  throw new Error(`These settings are missing or wrong:\n${lines.join('\n')}`)
}

async function keptFile(path: string): Promise<string> {
  const { mode } = await stat(path).catch((error: Error) => {
    throw new Error(`VERIFY_CLOUD_FILE: ${error.message}`)
  })
  if ((mode & otherThanOwner) !== 0) throw new Error(`VERIFY_CLOUD_FILE: others may read ${path}; say: chmod 600 ${path}`)
  return readFile(path, 'utf8')
}
