import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { parseDocument } from '../document.ts'

/**
 * Whose events are heard: a document in a Secret that is mounted into the gateway. TRTC signs what it tells of an application with a key from its
 * console; an application without one here is not heard, and a namespace that does not stand here hears nothing of it.
 */

const applicationSchema = z.strictObject({
  sdkAppId: z.int().min(1).max(4_294_967_295).describe('TRTC application (SDKAppID).'),
  callbackKeys: z
    .array(z.string().regex(/^[A-Za-z0-9]{6,32}$/, 'must be 6 to 32 letters and digits, as in TRTC’s console'))
    .min(1)
    .max(4)
    .describe('Keys of its callbacks. Two, while one takes the place of the other.'),
  namespaces: z
    .array(z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be the name of a namespace'))
    .min(1)
    .max(100)
    .describe('Namespaces whose policies hear of it.'),
  limits: z
    .strictObject({
      requestsPerSecond: z
        .number()
        .positive()
        .max(100_000)
        .default(500)
        .describe('Events a second, of each replica, in the long run.'),
      burst: z.int().min(1).max(1_000_000).default(2000).describe('Events at once, of each replica.'),
    })
    .prefault({})
    .describe('What is more is refused with 429; TRTC repeats it within a minute.'),
})
export type Application = z.output<typeof applicationSchema>

export const applicationsSchema = z
  .strictObject({ applications: z.array(applicationSchema) })
  .superRefine(({ applications }, { addIssue }) => {
    const taken = new Set<number>()
    applications.forEach(({ sdkAppId }, index) => {
      if (taken.has(sdkAppId))
        addIssue({ code: 'custom', path: ['applications', index, 'sdkAppId'], message: 'stands there twice' })
      taken.add(sdkAppId)
    })
  })

/** Applications by their SDKAppID, as the header says it: decimal. */
export type Applications = ReadonlyMap<string, Application>

/** Throws DocumentError. */
export function parseApplications(text: string): Applications {
  const { applications } = parseDocument(text, applicationsSchema, { what: 'applications', empty: { applications: [] } })
  return new Map(applications.map((application) => [String(application.sdkAppId), application]))
}

/** `Sign` of TRTC's callbacks: base64 of HMAC-SHA256 over the very bytes (trtc.io/document/39558). */
export const signOf = (key: string, body: Uint8Array): string => createHmac('sha256', key).update(body).digest('base64')

/** Whether one of its keys signed these bytes. How long that takes says nothing of a key. */
export function isSigned({ callbackKeys }: Application, body: Uint8Array, sign: string): boolean {
  const given = Buffer.from(sign)
  const verdicts = callbackKeys.map((key) => {
    const expected = Buffer.from(signOf(key, body))
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
  return verdicts.includes(true)
}
