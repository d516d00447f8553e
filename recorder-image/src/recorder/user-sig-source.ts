import type { RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { readMountedKey } from './mounted-secret.ts'
import { readUserSig, signUserSig } from './user-sig.ts'

/** What the recorder enters the room with. */
export interface UserSigSource {
  /** A UserSig that is good now; asked for each time the room is entered. Rejects with SecretNotFound. */
  next(): Promise<string>
  /** When the one that was in its Secret within the last minute runs out. Undefined where the recorder signs its own. */
  readonly expiresAt: Date | undefined
  /** Ends its warnings. */
  close(): void
}

/** As `/status` and the result say it. */
export const userSigExpiry = ({ expiresAt }: UserSigSource): { userSigExpiresAt?: string } =>
  expiresAt === undefined ? {} : { userSigExpiresAt: expiresAt.toISOString() }

export interface UserSigOptions {
  /** Folder of mounted Secrets. */
  root: string
  spec: RecorderJob['spec']
  log: Logger
  onSecret(value: string): void
}

/** Of one that is signed here: longer than any page stays in the room without coming back for another. */
const validSeconds = 7 * 24 * 3600
/** The clock of TRTC may be behind ours. */
const backdatedSeconds = 60
/** How long before its end a fixed one is warned of. */
const warnBeforeMillis = 3600_000
/** How often a fixed one is read again: Kubernetes itself takes about as long to bring a changed Secret into a Pod. */
const lookMillis = 60_000

export function userSigSource(options: UserSigOptions): UserSigSource {
  const { appSecretKeyRef, userSigSecretRef } = options.spec
  return appSecretKeyRef === undefined ? fixed(options, userSigSecretRef!) : signed(options, appSecretKeyRef)
}

type SecretKeyRef = NonNullable<RecorderJob['spec']['userSigSecretRef']>

function signed({ root, spec, onSecret }: UserSigOptions, { name, key }: SecretKeyRef): UserSigSource {
  const { sdkAppId, userId } = spec
  let last: string | undefined
  return {
    expiresAt: undefined,
    async next() {
      // One that was there once is good, whatever becomes of its Secret.
      const secretKey = await readMountedKey(root, name, key).catch((error) => {
        if (last === undefined) throw error
        return last
      })
      last = secretKey
      onSecret(secretKey)
      const issuedAtSeconds = Math.floor(Date.now() / 1000) - backdatedSeconds
      const userSig = signUserSig({ sdkAppId, userId, secretKey, issuedAtSeconds, expireSeconds: validSeconds })
      onSecret(userSig)
      return userSig
    },
    close: () => undefined,
  }
}

/** Read again each time, as somebody may have put a fresh one into the Secret. */
function fixed({ root, log, onSecret }: UserSigOptions, { name, key }: SecretKeyRef): UserSigSource {
  let expiresAt: Date | undefined
  let timer: NodeJS.Timeout | undefined
  let last: string | undefined
  let warnedOf: number | undefined

  /** One that was there once is good for as long as it holds, whatever becomes of its Secret. */
  async function read(): Promise<string> {
    const userSig = await readMountedKey(root, name, key).catch((error) => {
      if (last === undefined) throw error
      return last
    })
    onSecret(userSig)
    last = userSig
    expiresAt = readUserSig(userSig)?.expiresAt
    return userSig
  }

  /** Whoever puts a fresh one into the Secret sees so soon afterwards what holds now. */
  function watch(): void {
    clearTimeout(timer)
    timer = setTimeout(() => void look(), lookMillis).unref()
  }

  async function look(): Promise<void> {
    await read().catch(() => undefined)
    warn()
    watch()
  }

  function warn(): void {
    if (expiresAt === undefined || expiresAt.getTime() - warnBeforeMillis > Date.now()) return
    if (warnedOf === expiresAt.getTime()) return
    warnedOf = expiresAt.getTime()
    log.warn({ secret: name, expiresAt }, expiryWarning)
  }

  return {
    get expiresAt() {
      return expiresAt
    },
    async next() {
      const userSig = await read()
      warn()
      watch()
      return userSig
    },
    close: () => clearTimeout(timer),
  }
}

const expiryWarning =
  'The UserSig runs out, and after a lost connection TRTC will not let the recorder come back; put a fresh one into its Secret, or use appSecretKeyRef'
