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

/** Of where the callback goes only the host: the path of such an address is a key where the receiver knows its callers by it. */
function redactCallback(callback: unknown): unknown {
  const rest = redact(callback)
  if (rest === null || typeof rest !== 'object' || !('url' in rest) || typeof rest.url !== 'string') return rest
  return { ...rest, url: rest.url.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#]*).*$/i, `$1/${hidden}`) }
}

/** The same for a value as JSON has it; managed fields and copies of what was applied are left out whole. */
export function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value)
  if (Array.isArray(value)) return value.map(redact)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'managedFields' && name !== 'kubectl.kubernetes.io/last-applied-configuration')
      .map(([name, member]) => {
        if (name === 'callback') return [name, redactCallback(member)]
        return [name, secretMembers.test(name) && typeof member === 'string' ? hidden : redact(member)]
      }),
  )
}
