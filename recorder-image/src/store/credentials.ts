/** Keys that sign requests to COS. */
export interface CosCredentials {
  secretId: string
  secretKey: string
  /** Of temporary ones. */
  token?: string
  /** When temporary ones run out, where that is known. */
  expiresAt?: Date
}

/** Where keys come from. Asked before every request, so that they may change while a recording lasts, in the middle of an upload too. */
export interface CredentialProvider {
  /** Keys that are good now. Rejects with what is wrong, for a person; asking again may help. */
  current(): Promise<CosCredentials>
  /** COS does not take these keys, or not any more: whatever is kept of them is to be forgotten. */
  refused(keys: CosCredentials): void
}
