/**
 * Takes out of a text or an object what might let somebody in: user and password of addresses, their query, keys and signatures by the names they
 * go by, bearer tokens, UserSigs. Names of Secrets stay; a Recording holds nothing else of them.
 */
const hidden = '[removed]'

/** Members whose value never leaves the cluster, whatever they hold. */
const secretMembers = /^(secretId|secretKey|token|userSig|signingKey|password|credential|authorization|x-cos-security-token)$/i

export function redactText(text: string): string {
  return (
    text
      .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"']*@/gi, `$1${hidden}@`)
      .replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s?#"']*)\?[^\s#"']*/gi, `$1?${hidden}`)
      .replace(/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+/g, `$1 ${hidden}`)
      .replace(
        /(["']?\b(?:secretId|secretKey|userSig|signingKey|password|token|q-signature|q-ak)\b["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&}"']+)/gi,
        `$1${hidden}`,
      )
      // UserSigs are deflated and begin with eJ; JSON Web Tokens begin with eyJ.
      .replace(/\beJ[A-Za-z0-9*_-]{60,}/g, hidden)
      .replace(/\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, hidden)
  )
}

/** Members with an address of which only the host goes out: the path of such a one is a key where the receiver knows its callers by it. */
const receivers = ['callback', 'pcm']

function redactReceiver(receiver: unknown): unknown {
  const rest = redact(receiver)
  if (rest === null || typeof rest !== 'object' || !('url' in rest) || typeof rest.url !== 'string') return rest
  return { ...rest, url: rest.url.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#]*).*$/i, `$1/${hidden}`) }
}

/** Variables that the operator sets: what they hold is known. Of what else the chart, or a webhook, puts into a Pod it is not. */
const ownVariables = /^(TRTC_RECORDER_[A-Z_]+|CFS_PATH)$/

function redactVariable(variable: unknown): unknown {
  const { name, value } = variable as { name?: unknown; value?: unknown }
  if (value === undefined || (ownVariables.test(String(name)) && !isCut(value))) return redact(variable)
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

/** The same for a value as JSON has it; managed fields and copies of what was applied are left out whole. */
export function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactWithin(value)
  if (Array.isArray(value)) return value.map(redact)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'managedFields' && name !== 'kubectl.kubernetes.io/last-applied-configuration')
      .map(([name, member]) => {
        if (receivers.includes(name)) return [name, redactReceiver(member)]
        if (name === 'env' && Array.isArray(member)) return [name, member.map(redactVariable)]
        return [name, secretMembers.test(name) && typeof member === 'string' ? hidden : redact(member)]
      }),
  )
}

/** A text that is an object in JSON, such as a recorder's job, is gone through like one. */
function redactWithin(text: string): string {
  if (!text.startsWith('{')) return redactText(text)
  try {
    return JSON.stringify(redact(JSON.parse(text)))
  } catch {
    return redactText(text)
  }
}
