import { z } from 'zod'
import { type FieldProblem, invalid } from '../errors.ts'
import { readJsonText } from '../http/json.ts'
import { problemOf, type SpecInput } from '../recordings/spec.ts'
import type { Start } from '../recordings/start.ts'

const notString = (name: string) => `must be a string: ${name}`

/** Clients of many languages send what they have no value for as an empty text. */
const optionalText = (example: string) =>
  z
    .string(notString(example))
    .optional()
    .transform((text) => (text === '' ? undefined : text))

const text = (example: string, most: number) => z.string(notString(example)).min(1, 'must not be empty').max(most)

const cosConfigSchema = z.strictObject({
  SecretId: optionalText('SecretId of a key that may write to the bucket').pipe(z.string().max(512).optional()),
  SecretKey: optionalText('SecretKey to SecretId').pipe(z.string().max(512).optional()),
  Region: text('such as ap-guangzhou', 64),
  Bucket: text('such as lessons-1250000000', 63),
  Path: text('such as /test, or / for the root', 512),
})

/** The body of the template. What a value may be beside its type, the Recording's own schema says. */
export const templateBodySchema = z.strictObject({
  SdkAppId: z.int('must be an integer: the SDKAppID'),
  RoomId: z.int('must be an integer; a room with a name goes into StrRoomId').optional(),
  StrRoomId: optionalText('the name of a room'),
  UserId: text('the recorder’s own user', 64),
  UserSig: text('the signature of UserId', 8192),
  CosConfig: cosConfigSchema,
  Callback: optionalText('an http or https address'),
  Mode: optionalText('00, 01 or 02'),
})

/** What the template's body says, checked but for what the spec's own schema will check. Throws RefusedRequest, which names each field. */
export function readTemplateBody(body: unknown): { sdkAppId: number; spec: SpecInput; secrets: Start['secrets'] } {
  const given = withCapitals(body)
  const parsed = templateBodySchema.safeParse(given)
  if (!parsed.success) throw invalid(parsed.error.issues.flatMap((issue) => explained(issue, given)))
  const { SdkAppId, RoomId, StrRoomId, UserId, UserSig, CosConfig, Callback, Mode } = parsed.data
  const { SecretId, SecretKey, Region, Bucket, Path } = CosConfig
  const problems = [
    ...(RoomId === undefined && StrRoomId === undefined ? [missing('RoomId', 'one of RoomId and StrRoomId must be given')] : []),
    ...((SecretId === undefined) === (SecretKey === undefined)
      ? []
      : [
          missing(
            SecretId === undefined ? 'CosConfig.SecretId' : 'CosConfig.SecretKey',
            'SecretId and SecretKey go together: give both, or none',
          ),
        ]),
    ...(Mode !== undefined && /^1[012]$/.test(Mode)
      ? [
          {
            field: 'Mode',
            kind: 'unsupported' as const,
            message: `${Mode} is a mode of the mixing template; here are 00, 01 and 02`,
          },
        ]
      : []),
  ]
  if (problems.length > 0) throw invalid(problems)
  return {
    sdkAppId: SdkAppId,
    spec: {
      sdkAppId: SdkAppId,
      ...(RoomId !== undefined ? { roomId: RoomId } : { strRoomId: StrRoomId }),
      userId: UserId,
      cos: { region: Region, bucket: Bucket, path: Path },
      // The template's form and its default, whatever a grant says.
      ...(Callback === undefined ? {} : { callback: { url: Callback, format: 'Result' } }),
      mode: Mode ?? '00',
    },
    secrets: {
      userSig: UserSig,
      cos: SecretId === undefined || SecretKey === undefined ? undefined : { secretId: SecretId, secretKey: SecretKey },
    },
  }
}

const missing = (field: string, message: string): FieldProblem => ({ field, kind: 'missing', message })

/** Older pages of the template wrote the members of CosConfig with a small letter. Both at once is a contradiction. */
function withCapitals(body: unknown): unknown {
  if (!isMap(body) || !isMap(body.CosConfig)) return body
  const cos: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(body.CosConfig)) {
    const capital = `${name.charAt(0).toUpperCase()}${name.slice(1)}`
    if (capital in cos) {
      throw invalid([
        { field: `CosConfig.${name}`, kind: 'range', message: 'is given twice, with a small and with a capital letter' },
      ])
    }
    cos[capital] = value
  }
  return { ...body, CosConfig: cos }
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A problem for each field that is not known, by its name. */
function explained(issue: z.core.$ZodIssue, body: unknown): FieldProblem[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => problemOf({ ...issue, keys: [key] }, body))
  const problem = problemOf(issue, body)
  return [problem.field === '' ? { ...problem, field: 'body', message: 'must be a JSON object' } : problem]
}

/** A body as API Gateway hands it to a function: the caller's own body is a text in it. */
export function unwrapped(body: unknown): unknown {
  if (!isMap(body) || !isMap(body.requestContext) || typeof body.body !== 'string') return body
  return readJsonText(body.body, 'body')
}
