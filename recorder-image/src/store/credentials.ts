/** Keys that sign requests to COS. */
export interface CosCredentials {
  secretId: string
  secretKey: string
  /** Of temporary ones. */
  token?: string
  /** When temporary ones run out, where that is known. */
  expiresAt?: Date
}

/** When keys run out, as it is told: seconds or milliseconds since 1970, or a time of ISO 8601. Undefined of anything else. */
export function expiryOf(told: string | number | undefined): Date | undefined {
  if (told === undefined || told === '') return undefined
  const number = Number(told)
  const millis = Number.isNaN(number) ? timeOf(String(told)) : number < leastMillis ? number * 1000 : number
  const date = new Date(millis)
  return Number.isNaN(date.getTime()) ? undefined : date
}

const timeOf = (text: string) => (/^\d{4}-\d\d-\d\d[T ]\d/.test(text) ? Date.parse(text) : Number.NaN)
/** No time in seconds is as large, and none in milliseconds since 1973 smaller. */
const leastMillis = 1e11

/** Where keys come from. Asked before every request, so that they may change while a recording lasts, in the middle of an upload too. */
export interface CredentialProvider {
  /** Keys that are good now. Rejects with what is wrong, for a person; asking again may help. */
  current(): Promise<CosCredentials>
  /** COS does not take these keys, or not any more: whatever is kept of them is to be forgotten. */
  refused(keys: CosCredentials): void
}
