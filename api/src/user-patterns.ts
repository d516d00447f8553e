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

/** Whom something is done to; `what` completes “users … ”, such as `to record`. */
export const userLists = (what: string, user: z.ZodString = userIdPattern) => ({
  include: z.array(user).max(32).meta({ same: sameSet }).default([]).describe(`Users ${what}. Empty: everyone.`),
  exclude: z.array(user).max(32).meta({ same: sameSet }).default([]).describe(`Users never ${what}, even if included.`),
})
