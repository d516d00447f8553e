import { z } from 'zod'

/** How the sink misbehaves. Shapes of the control API. */
export const behaviourSchema = z.object({
  act: z.discriminatedUnion('kind', [
    z
      .object({ kind: z.literal('refuse'), status: z.int(), location: z.string().optional() })
      .describe('Answers with this status.'),
    z.object({ kind: z.literal('stall') }).describe('Takes the request and never answers.'),
    z.object({ kind: z.literal('slow'), delayMillis: z.number() }).describe('Answers 200, but late.'),
    z.object({ kind: z.literal('reset') }).describe('Takes the request and resets the connection instead of answering.'),
  ]),
  path: z.string().optional().describe('Only this path. All where it is missing.'),
  count: z.int().min(1).optional().describe('How many requests it meets. Until cleared where it is missing.'),
})
export type Behaviour = z.infer<typeof behaviourSchema>
export type Act = Behaviour['act']

/** Behaviours in force; a request meets the first that matches. */
export class Behaviours {
  #list: { behaviour: Behaviour; left: number }[] = []

  add(behaviour: Behaviour): void {
    this.#list.push({ behaviour, left: behaviour.count ?? Number.POSITIVE_INFINITY })
  }

  clear(): void {
    this.#list = []
  }

  take(path: string): Act | undefined {
    const found = this.#list.find(({ behaviour }) => behaviour.path === undefined || behaviour.path === path)
    if (!found) return undefined
    found.left -= 1
    this.#list = this.#list.filter(({ left }) => left > 0)
    return found.behaviour.act
  }
}
