import type { Caller } from './caller.ts'
import type { CallerDirectory } from './directory.ts'

/** What a request shows of its caller. Refusals do not say which part was wrong. */
export type Authentication =
  | { is: 'known'; caller: Caller; by: 'KeyPair' | 'BearerToken' | 'KubernetesUser' | 'Anonymous' }
  | { is: 'refused'; message: string }
  /** Nobody could say: the API server did not judge the token. */
  | { is: 'unknown'; message: string }

/** Whose token it is, by the API server; undefined for one that is nobody's. */
export type ReviewToken = (token: string) => Promise<string | undefined>

const refused: Authentication = {
  is: 'refused',
  message:
    'The credentials are not known here. Send Authorization: Bearer <token>, or Basic with SecretId and SecretKey of one of the gateway’s callers',
}

/** Who calls by plain HTTP. Wrong credentials are refused, also where no credentials would do. */
export async function authenticate(
  authorization: string | undefined,
  directory: CallerDirectory,
  review: ReviewToken | undefined,
): Promise<Authentication> {
  if (authorization === undefined || authorization === '') {
    const caller = directory.anonymous
    return caller === undefined ? refused : { is: 'known', caller, by: 'Anonymous' }
  }
  const [, scheme = '', value = ''] = /^(\S+)\s+(.*)$/.exec(authorization.trim()) ?? []
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return byToken(value, directory, review)
    case 'basic':
      return byPassword(value, directory)
    default:
      return refused
  }
}

async function byToken(token: string, directory: CallerDirectory, review: ReviewToken | undefined): Promise<Authentication> {
  const caller = directory.token(token)
  if (caller !== undefined) return { is: 'known', caller, by: 'BearerToken' }
  // Tokens of Kubernetes are JWTs; anything else is not worth a call.
  if (review === undefined || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return refused
  try {
    const username = await review(token)
    const user = username === undefined ? undefined : directory.kubernetesUser(username)
    return user === undefined ? refused : { is: 'known', caller: user, by: 'KubernetesUser' }
  } catch {
    return { is: 'unknown', message: 'The token could not be judged: the API server did not answer. Try again' }
  }
}

function byPassword(value: string, directory: CallerDirectory): Authentication {
  const text = Buffer.from(value, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  const caller = colon < 0 ? undefined : directory.password(text.slice(0, colon), text.slice(colon + 1))
  return caller === undefined ? refused : { is: 'known', caller, by: 'KeyPair' }
}
