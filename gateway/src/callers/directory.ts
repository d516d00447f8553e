import { createHash, timingSafeEqual } from 'node:crypto'
import { parseDocument } from '../document.ts'
import { type Caller, type Credential, callersSchema } from './caller.ts'

type Found<Type extends Credential['type']> = { caller: Caller; credential: Extract<Credential, { type: Type }> }

/** Finds callers by what they show. Secrets are compared by their digests, in constant time. */
export class CallerDirectory {
  readonly callers: readonly Caller[]
  readonly #keyPairs = new Map<string, Found<'KeyPair'>>()
  readonly #tokens = new Map<string, Found<'BearerToken'>>()
  readonly #users = new Map<string, Caller>()
  #anonymous: Caller | undefined

  constructor(callers: readonly Caller[]) {
    this.callers = callers
    for (const caller of callers) for (const credential of caller.credentials) this.#add(caller, credential)
  }

  #add(caller: Caller, credential: Credential): void {
    switch (credential.type) {
      case 'KeyPair':
        this.#keyPairs.set(credential.secretId, { caller, credential })
        break
      case 'BearerToken':
        this.#tokens.set(digest(credential.token).toString('hex'), { caller, credential })
        break
      case 'KubernetesUser':
        this.#users.set(credential.username, caller)
        break
      case 'Anonymous':
        this.#anonymous = caller
        break
    }
  }

  /** For signatures: whoever verifies one needs the key. */
  keyPair(secretId: string): { caller: Caller; secretKey: string } | undefined {
    const found = this.#keyPairs.get(secretId)
    return found && { caller: found.caller, secretKey: found.credential.secretKey }
  }

  password(secretId: string, secretKey: string): Caller | undefined {
    const found = this.#keyPairs.get(secretId)
    return found !== undefined && timingSafeEqual(digest(found.credential.secretKey), digest(secretKey))
      ? found.caller
      : undefined
  }

  /** Looked up by digest: how long that takes says nothing of the token. */
  token(token: string): Caller | undefined {
    return this.#tokens.get(digest(token).toString('hex'))?.caller
  }

  kubernetesUser(username: string): Caller | undefined {
    return this.#users.get(username)
  }

  get anonymous(): Caller | undefined {
    return this.#anonymous
  }
}

/** Throws DocumentError. */
export const parseCallers = (text: string): CallerDirectory =>
  new CallerDirectory(parseDocument(text, callersSchema, { what: 'callers', empty: { callers: [] } }).callers)

const digest = (text: string) => createHash('sha256').update(text, 'utf8').digest()
