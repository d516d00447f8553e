import { z } from 'zod'
import { invisible, matching } from './rules.ts'
import { sameSet } from './same.ts'

export const userIdPattern = matching(
  z.string().min(1).max(64),
  new RegExp(String.raw`^([^*$${invisible}]+(\.\*\$)?|\.\*\$)$`, 'u'),
  'must be a user id without blanks, or a prefix followed by .*$ and nothing else: TRTC knows no other pattern',
).describe('A user id, or a prefix followed by TRTC’s wildcard `.*$`: `student_.*$` is everyone whose id begins with student_.')

/** The pattern that means everyone. */
export const everybody = '.*$'

/** Whether a user is meant by a pattern. */
export const matchesPattern = (pattern: string, userId: string) =>
  pattern.endsWith('.*$') ? userId.startsWith(pattern.slice(0, -3)) : userId === pattern

/** Whether all whom a pattern means are meant by others, too: by one that is the same, or a prefix of it. Rooms have such patterns as well. */
export const isMeantBy = (pattern: string, others: readonly string[]) =>
  others.some(
    (other) => other === pattern || (other.endsWith(everybody) && pattern.startsWith(other.slice(0, -everybody.length))),
  )

/** The same in CEL. */
export const isMeantByRule = (pattern: string, others: string) =>
  `${others}.exists(other, other == ${pattern} || (other.endsWith('${everybody}') && ${pattern}.startsWith(other.substring(0, size(other) - ${everybody.length}))))`

export interface Lists {
  include?: readonly string[] | undefined
  exclude?: readonly string[] | undefined
}
const isListed = (list: unknown): list is readonly string[] => Array.isArray(list) && list.length > 0

/** Whether nobody is left: an empty `include` is everyone. */
export const excludesAll = ({ include, exclude }: Lists) =>
  isListed(exclude) && (isListed(include) ? include : [everybody]).every((pattern) => isMeantBy(pattern, exclude))

/** The same in CEL, of an object that there is. */
export const excludesAllRule = (lists: string) =>
  `has(${lists}.exclude) && size(${lists}.exclude) > 0 && (has(${lists}.include) && size(${lists}.include) > 0 ? ${lists}.include : ['${everybody}']).all(one, ${isMeantByRule('one', `${lists}.exclude`)})`

/** Whom something is done to; `what` completes “users … ”, such as `to record`. */
export const userLists = (what: string, user: z.ZodString = userIdPattern) => ({
  include: z.array(user).max(32).meta({ same: sameSet }).default([]).describe(`Users ${what}. Empty: everyone.`),
  exclude: z.array(user).max(32).meta({ same: sameSet }).default([]).describe(`Users never ${what}, even if included.`),
})
