import { clipJobEnv, type Recording, recorderEnv } from '@trtc-recorder/api'

/**
 * Takes out of a text or an object what might let somebody in: user, password and query of addresses, keys and signatures by the names they go by, bearer tokens, UserSigs, and what
 * stands where people keep what is theirs (annotations and labels of others, tags, headers, variables). Names of Secrets stay; a Recording holds nothing else of them.
 */
const hidden = '[removed]'

/** What a name ends in that is given to what lets somebody in, with `=` or `:` behind it. */
const secretNames = [
  ...[
    'secret(?:[-_ ]?(?:id|key|access[-_ ]?key))?',
    'token',
    'passw(?:or)?d',
    'passphrase',
    'pwd',
    'user-?sig',
    'sig',
    'signature',
  ],
  ...['sign(?:ing)?[-_]?key', '(?:api|access|private)[-_]?key(?:[-_]?id)?', 'credential', 'q-ak'],
].join('|')
const quoted = String.raw`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`
const named = new RegExp(String.raw`((?:${secretNames})["']?\s*[=:]\s*)(?:${quoted}|[^\s,;&}"']+)`, 'gi')
/** Their value goes to the end of the line. */
const header = new RegExp(String.raw`((?:authorization|cookie)["']?\s*[=:]\s*)(?:${quoted}|[^\r\n]+)`, 'gi')

export function redactText(text: string): string {
  return (
    text
      .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#"]*@/gi, `$1${hidden}@`)
      .replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s?#"]*)\?[^\s"]*/gi, `$1?${hidden}`)
      .replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s?#"]*)#[^\s"]*=[^\s"]*/gi, `$1#${hidden}`)
      .replace(/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+/gi, `$1 ${hidden}`)
      .replace(header, `$1${hidden}`)
      .replace(named, `$1${hidden}`)
      // UserSigs are deflated and begin with eJ; JSON Web Tokens begin with eyJ, ids of Tencent Cloud's keys with AKID.
      .replace(/eJ[A-Za-z0-9*_-]{60,}/g, hidden)
      .replace(/eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, hidden)
      .replace(/AKID[A-Za-z0-9_-]{10,}/g, hidden)
      .replace(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, hidden)
  )
}

const secretMember = new RegExp(`(?:${secretNames}|authorization|cookie|username|args|command)s?$`, 'i')
/** What Kubernetes calls so and holds no more than the name of a Secret, or how long a token is good for. */
const namesOfSecrets = /^(secret|secrets|imagePullSecrets|serviceAccountToken|automountServiceAccountToken)$/

/** Members with addresses of which only the host goes out: the path of such a one is a key where the receiver knows its callers by it. */
const receivers = ['callback', 'pcm', 'networkProxy']

const hostOf = (text: string) =>
  text.replace(/^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?([^/?#]*)[\s\S]*$/i, (_, scheme, host) => `${scheme}${host}/${hidden}`)

const redactReceiver = (receiver: unknown): unknown =>
  isObject(receiver) ? mapped(receiver, (member) => (typeof member === 'string' ? hostOf(redactText(member)) : member)) : receiver

/** Variables that the operator sets: what they hold is known. Of what else the chart, or a webhook, puts into a Pod it is not. */
const ownVariables: readonly unknown[] = [...Object.values(recorderEnv), clipJobEnv]

function redactVariable(variable: unknown): unknown {
  const { name, value } = variable as { name?: unknown; value?: unknown }
  if (value === undefined || (ownVariables.includes(name) && !isCut(value))) return redact(variable)
  return { ...(redact(variable) as object), value: hidden }
}

/** The first of several variables that hold one JSON value, which can be gone through only as a whole. */
function isCut(value: unknown): boolean {
  if (typeof value !== 'string' || !value.startsWith('{')) return false
  try {
    JSON.parse(value)
    return false
  } catch {
    return true
  }
}

/** Of labels and annotations that are neither ours nor Kubernetes' own only the keys go out, and whether something is on or off. */
const knownKey = /^([a-z0-9-]+\.)*(trtc-recorder\.dev|kubernetes\.io|k8s\.io|karpenter\.sh)\//
const redactMarks = (marks: object) =>
  mapped(marks, (value, key) =>
    knownKey.test(key) ? redact(value) : /^(true|false|enabled|disabled)$/.test(String(value)) ? value : hidden,
  )

const hide = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(hide)
  return isObject(value) ? mapped(value, hide) : hidden
}
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)
const mapped = (object: object, map: (member: unknown, name: string) => unknown) =>
  Object.fromEntries(Object.entries(object).map(([name, member]) => [name, map(member, name)]))

/** The same for a value as JSON has it; managed fields and copies of what was applied are left out whole. */
export function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactWithin(value)
  if (Array.isArray(value)) return value.map(redact)
  if (!isObject(value)) return value
  const {
    managedFields: _,
    'kubectl.kubernetes.io/last-applied-configuration': __,
    ...members
  } = value as Record<string, unknown>
  return mapped(members, redactMember)
}

function redactMember(member: unknown, name: string): unknown {
  if (member === null || typeof member === 'boolean') return member
  if (receivers.includes(name)) return redactReceiver(redact(member))
  if (name === 'env' && Array.isArray(member)) return member.map(redactVariable)
  if ((name === 'annotations' || name === 'labels') && isObject(member)) return redactMarks(redact(member) as object)
  if (name === 'cos' && isObject(member))
    return mapped(redact(member) as object, (of, is) => (is === 'tags' || is === 'metadata' ? hide(of) : of))
  if (/headers$/i.test(name)) return hide(member)
  if (secretMember.test(name) && !namesOfSecrets.test(name)) return hide(member)
  return redact(member)
}

/** A text that is an object in JSON, such as a recorder's job, is gone through like one. */
function redactWithin(text: string): string {
  if (!/^\s*[{[]/.test(text)) return redactText(text)
  try {
    return JSON.stringify(redact(JSON.parse(text)))
  } catch {
    return redactText(text)
  }
}

/**
 * A text without what its Recording says where keys are kept: who is at an address, and what stands behind its host. Whatever tells of such an address, a message or a log line, may have a
 * part of it, in other words than an address has.
 */
export function withoutSecretsOf({ spec }: Recording): (text: string) => string {
  const proxies = Object.values(spec.networkProxy ?? {})
  const addresses = [spec.callback?.url, spec.live?.pcm?.url, ...proxies].filter((one) => typeof one === 'string')
  const secrets = addresses.flatMap((address) => {
    const [, user = '', behind = ''] = /^[a-z][a-z0-9+.-]*:\/\/(?:([^/?#]*)@)?[^/?#]*([\s\S]*)$/i.exec(address) ?? []
    const parts = behind.split(/[/?&=#]/).filter((part) => /\d/.test(part) && /[a-z]/i.test(part))
    return [user, ...user.split(':').slice(1), behind, ...parts].flatMap((secret) => [secret, decoded(secret)])
  })
  // The longest first, for others are a part of it. What is as short as `/cb` would take out much else.
  const struck = [...new Set(secrets)].filter(({ length }) => length >= 6).sort((a, b) => b.length - a.length)
  return (text) => struck.reduce((rest, secret) => rest.replaceAll(secret, hidden), text)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
