/**
 * The value that a key of a Secret holds. Whoever makes a Secret from a file easily gets a line feed at the end, or a byte order mark in
 * front; no value of ours can have either, so text loses the blanks around it. Bytes that are no text (UTF-8) stay as they are.
 */
export function secretValue(bytes: Uint8Array): Uint8Array {
  try {
    return new TextEncoder().encode(new TextDecoder('utf-8', { fatal: true }).decode(bytes).trim())
  } catch {
    return bytes
  }
}
