import type { Condition, ConditionReason, ConditionType } from '@trtc-recorder/api'

const order: readonly ConditionType[] = ['Succeeded', 'Started', 'Stored', 'CallbackDelivered', 'Reconciling', 'Stalled']
const longestMessage = 1024

export interface NewCondition {
  status: Condition['status']
  reason: ConditionReason
  message: string
}

/** What `Started` says of a Recording that nothing else need be said of. */
export const hasBeenInTheRoom: NewCondition = { status: 'True', reason: 'Entered', message: 'The recorder has been in the room' }

export const findCondition = (conditions: readonly Condition[] | undefined, type: ConditionType) =>
  conditions?.find((condition) => condition.type === type)

/** The same list with one condition as it is now. `lastTransitionTime` moves only when `status` does. */
export function withCondition(
  conditions: readonly Condition[],
  type: ConditionType,
  condition: NewCondition,
  observedGeneration: number,
  now: Date,
): Condition[] {
  const former = findCondition(conditions, type)
  const lastTransitionTime = former?.status === condition.status ? former.lastTransitionTime : now.toISOString()
  const message =
    condition.message.length > longestMessage ? `${condition.message.slice(0, longestMessage - 1)}…` : condition.message
  const next: Condition = { type, ...condition, message, observedGeneration, lastTransitionTime }
  return [...withoutCondition(conditions, type), next].toSorted((a, b) => order.indexOf(a.type) - order.indexOf(b.type))
}

export const withoutCondition = (conditions: readonly Condition[], type: ConditionType) =>
  conditions.filter((condition) => condition.type !== type)
