import type { pcmPlaceholders } from '@trtc-recorder/api'

type Placeholder = (typeof pcmPlaceholders)[number]

/** The address with its placeholders filled in, each as one part of a path or query, whatever is in it. Pure. */
export const filledAddress = (template: string, values: Record<Placeholder, string>): string =>
  template.replace(/\{(userId|room|stream|recording)\}/g, (_, name: Placeholder) => encodeURIComponent(values[name]))

/** Of an address what may be read by anybody: its query and its user may hold secrets. */
export function shownAddress(address: string): string {
  const { protocol, host, pathname } = new URL(address)
  return `${protocol}//${host}${pathname}`
}
