import type { pcmPlaceholders } from '@trtc-recorder/api'

type Placeholder = (typeof pcmPlaceholders)[number]

/** The address with its placeholders filled in, each as one part of a path or query, whatever is in it. Pure. */
export function filledAddress(template: string, values: Record<Placeholder, string>): string {
  const query = template.indexOf('?')
  const inPath = (at: number) => query === -1 || at < query
  return template.replace(/\{(userId|room|stream|recording)\}/g, (_, name: Placeholder, at: number) => {
    // Half a character is none.
    const part = encodeURIComponent(values[name].toWellFormed())
    // In a path `.` and `..` would be another place, also as `%2E`.
    return inPath(at) && /^\.+$/.test(part) ? part.replaceAll('.', '%252E') : part
  })
}

/** Of an address what may be read by anybody: its path and its query may hold secrets. */
export function shownAddress(address: string): string {
  const { protocol, host } = new URL(address)
  return `${protocol}//${host}`
}
