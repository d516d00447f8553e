import { CosError } from './errors.ts'

/** `bytes=a-b`, `bytes=a-` and `bytes=-n` as first and last byte. Anything else is ignored, as RFC 9110 wants it. */
export function parseRange(header: string | undefined, total: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return undefined
  const start = match[1] === '' ? Math.max(0, total - Number(match[2])) : Number(match[1])
  const end = match[1] === '' || match[2] === '' ? total - 1 : Math.min(Number(match[2]), total - 1)
  if (start > end) throw new CosError('InvalidRange')
  return { start, end }
}
