import { z } from 'zod'
import { ruled } from './rules.ts'

const pattern = /^([0-9]+(?:\.[0-9]+)?)(m|k|[MGTPE]|[KMGTPE]i)?$/

/** A Kubernetes quantity without sign and exponent, such as `500m`, `2` or `1.5Gi`. */
export const quantitySchema = z.string().max(32).regex(pattern)

const powers = ['k', 'M', 'G', 'T', 'P', 'E']

/** The number that a quantity stands for. NaN for what is none. */
export function quantityValue(text: string): number {
  const [, digits, suffix = ''] = pattern.exec(text) ?? []
  if (digits === undefined) return Number.NaN
  if (suffix === 'm') return Number(digits) / 1000
  const power = powers.findIndex((letter) => letter.toLowerCase() === suffix.charAt(0).toLowerCase()) + 1
  return Number(digits) * (suffix.endsWith('i') ? 1024 : 1000) ** power
}

/** At least `least`, which is a quantity itself. */
export const atLeast = (least: string) =>
  ruled(quantitySchema, (text) => quantityValue(text) >= quantityValue(least), {
    rule: `quantity(self).compareTo(quantity('${least}')) >= 0`,
    message: `must be at least ${least}`,
  })

/** At most `most`: what is more no volume and no node has, and Kubernetes counts no further than 2^63. */
export const atMost = <Schema extends z.ZodString>(schema: Schema, most: string): Schema =>
  ruled(schema, (text) => quantityValue(text) <= quantityValue(most), {
    rule: `quantity(self).compareTo(quantity('${most}')) <= 0`,
    message: `must be at most ${most}`,
  })

/** More than any volume or node has. */
export const mostBytes = '1Pi'
