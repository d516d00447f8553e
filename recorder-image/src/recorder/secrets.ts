import type { RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { CredentialProvider } from '../store/credentials.ts'
import { cosKeys } from './cos-keys.ts'
import { readMountedKey } from './mounted-secret.ts'
import { type UserSigSource, userSigSource } from './user-sig-source.ts'

export interface Secrets {
  userSig: UserSigSource
  cos: CredentialProvider
  /** Password of the TURN user, where the network proxy names a TURN server. */
  turnCredential?: string
  /** What is sent as the header Authorization with live sound, as it is now; undefined where none is named. */
  pcmAuthorization(): Promise<string | undefined>
}

export interface SecretsOptions {
  /** Secrets as Kubernetes mounts them: a folder per Secret, a file per key. */
  root: string
  spec: RecorderJob['spec']
  environment: NodeJS.ProcessEnv
  log: Logger
  /** Told of every secret as soon as it is known, so that no log line can hold it. */
  onSecret(value: string): void
}

/**
 * Finds every Secret a job names. Throws SecretNotFound, which names the one that is missing and without which the room cannot be entered. Keys for COS
 * keep nobody out of it: they are asked for again before every request, and COS gets nothing before they are there.
 */
export async function openSecrets(given: SecretsOptions): Promise<Secrets> {
  const options = { ...given, onSecret: once(given.onSecret) }
  const { root, spec, onSecret } = options
  const userSig = userSigSource(options)
  const cos = cosKeys({ ...options, cos: spec.cos })
  const turn = spec.networkProxy?.turnServer?.credentialSecretRef
  const [turnCredential] = await Promise.all([
    turn === undefined ? undefined : readMountedKey(root, turn.name, turn.key),
    userSig.next(),
    // Told of before the first line of the log; a role may not answer yet.
    spec.cos.credentialsSecretRef === undefined ? undefined : cos.current().catch(() => undefined),
  ])
  if (turnCredential !== undefined) onSecret(turnCredential)
  return {
    userSig,
    cos,
    ...(turnCredential === undefined ? {} : { turnCredential }),
    pcmAuthorization: pcmAuthorization(options),
  }
}

/** Nobody is kept out of the room by it: its sound waits until the Secret is there. */
function pcmAuthorization({ root, spec, onSecret }: SecretsOptions): Secrets['pcmAuthorization'] {
  const ref = spec.live.pcm?.authorizationSecretRef
  return async () => {
    if (ref === undefined) return undefined
    const value = await readMountedKey(root, ref.name, ref.key)
    onSecret(value)
    return value
  }
}

/** The same secret is read again and again, and told of once. */
function once(tell: (value: string) => void): (value: string) => void {
  const known = new Set<string>()
  return (value) => {
    if (!known.has(value)) tell(value)
    known.add(value)
  }
}
