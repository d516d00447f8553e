import { createHash } from 'node:crypto'
import type { KubeClient, KubeObject, New, Resource } from '@trtc-recorder/kube'
import type { ReviewToken } from './authenticate.ts'
import { Rates } from './rate.ts'

interface TokenReview extends KubeObject {
  spec: { token: string; audiences?: string[] }
  status?: { authenticated?: boolean; user?: { username?: string } }
}

const tokenReviews: Resource<TokenReview> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  plural: 'tokenreviews',
  kind: 'TokenReview',
  namespaced: false,
}

/** A token that was taken back is good for this long at most. */
const freshMillis = { known: 60_000, nobodys: 10_000 }
const mostRemembered = 10_000
/** Anybody can send what looks like a token; the API server is asked no more often than this. */
const limits = { requestsPerSecond: 20, burst: 50, activeRecordings: undefined }

/** Asks the API server whose a token is, and remembers the answer for a minute, by the token's digest. */
export function tokenReviewer(
  client: KubeClient,
  options: { audiences: readonly string[]; nowMillis?: () => number } = { audiences: [] },
): ReviewToken {
  const nowMillis = options.nowMillis ?? (() => performance.now())
  const rates = new Rates(nowMillis)
  const remembered = new Map<string, { username: string | undefined; untilMillis: number }>()
  return async (token) => {
    const key = createHash('sha256').update(token, 'utf8').digest('base64')
    const known = remembered.get(key)
    if (known !== undefined && known.untilMillis > nowMillis()) return known.username
    if (rates.take({ name: 'reviews', limits }) > 0) throw new Error('too many tokens to judge')
    const username = await review(client, token, options.audiences)
    remembered.delete(key)
    if (remembered.size >= mostRemembered) remembered.delete(remembered.keys().next().value!)
    const fresh = username === undefined ? freshMillis.nobodys : freshMillis.known
    remembered.set(key, { username, untilMillis: nowMillis() + fresh })
    return username
  }
}

async function review(client: KubeClient, token: string, audiences: readonly string[]): Promise<string | undefined> {
  const { status } = await client.create(tokenReviews, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    metadata: {},
    spec: { token, ...(audiences.length === 0 ? {} : { audiences: [...audiences] }) },
  } as unknown as New<TokenReview>)
  return status?.authenticated === true ? status.user?.username : undefined
}
