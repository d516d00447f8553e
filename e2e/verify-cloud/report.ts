import { type AssumptionId, assumption, assumptionIds } from './assumptions.ts'
import type { Settings } from './settings.ts'

export type Verdict = { is: 'holds'; seen: string } | { is: 'differs'; seen: string } | { is: 'not checked'; why: string }

/** Verdicts as they come. What differs once stays so. */
export class Findings {
  readonly #verdicts = new Map<AssumptionId, Verdict>()

  holds = (id: AssumptionId, seen: string) => this.#say(id, { is: 'holds', seen })
  differs = (id: AssumptionId, seen: string) => this.#say(id, { is: 'differs', seen })
  unchecked = (id: AssumptionId, why: string) => this.#say(id, { is: 'not checked', why })

  /** One that holds if this is so. */
  judge(id: AssumptionId, isSo: boolean, seen: string): void {
    if (isSo) this.holds(id, seen)
    else this.differs(id, seen)
  }

  /** Runs a check; where it fails otherwise than by a verdict, these are not checked. */
  async during(ids: readonly AssumptionId[], check: () => Promise<void>): Promise<void> {
    try {
      await check()
    } catch (error) {
      for (const id of ids) if (this.isOpen(id)) this.unchecked(id, (error as Error).message)
    }
  }

  /** Whether nothing has been said of it yet. */
  isOpen = (id: AssumptionId) => !this.#verdicts.has(id)

  verdict(id: AssumptionId): Verdict {
    const { check } = assumption(id)
    if (check.by === 'nobody') return { is: 'not checked', why: check.why }
    return this.#verdicts.get(id) ?? { is: 'not checked', why: 'the run did not come to it' }
  }

  #say(id: AssumptionId, verdict: Verdict): void {
    if (this.#verdicts.get(id)?.is !== 'differs') this.#verdicts.set(id, verdict)
  }
}

export interface Report {
  /** Version of this format. */
  version: 1
  /** Tencent's cloud, or one that stands in for it. */
  cloud: 'Tencent' | 'stand-in'
  startedAt: string
  seconds: number
  verdicts: Record<AssumptionId, Verdict & { assumed: string }>
  /** What the run made and could not take away again. */
  leftBehind: string[]
}

/** Of secrets and of what says whose they are nothing is left in it. */
export function reportOf(
  { findings, leftBehind, startedAt }: { findings: Findings; leftBehind: string[]; startedAt: Date },
  { settings, secrets }: { settings: Settings; secrets: readonly string[] },
): Report {
  const verdicts = Object.fromEntries(
    assumptionIds.map((id) => [id, { ...findings.verdict(id), assumed: assumption(id).assumed }]),
  ) as Report['verdicts']
  const report: Report = {
    version: 1,
    cloud: settings.endpoints === undefined ? 'Tencent' : 'stand-in',
    startedAt: startedAt.toISOString(),
    seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    verdicts,
    leftBehind,
  }
  return mapTexts(report, (text) => cleared(text, settings, secrets)) as Report
}

function cleared(text: string, settings: Settings, secrets: readonly string[]): string {
  const { sdkSecretKey, secretId, secretKey, bucket, sdkAppId } = settings
  const hidden = [...secrets, sdkSecretKey, secretKey, secretId].filter((secret) => secret !== '')
  const named: [string, string][] = [
    [bucket, '<bucket>'],
    [String(sdkAppId), '<sdkAppId>'],
  ]
  const withoutSecrets = hidden.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
  return named.reduce((rest, [name, instead]) => rest.replaceAll(name, instead), withoutSecrets)
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapTexts(item, change)]))
}

const isBad = ({ verdicts, leftBehind }: Report) =>
  leftBehind.length > 0 || Object.values(verdicts).some(({ is }) => is === 'differs')
/** 0: nothing differs and nothing is left behind. 1: something does. */
export const exitCodeOf = (report: Report): 0 | 1 => (isBad(report) ? 1 : 0)

export function markdownOf(report: Report): string {
  const { cloud, startedAt, seconds, verdicts, leftBehind } = report
  const rows = assumptionIds.map((id) => {
    const verdict = verdicts[id]
    return `| \`${id}\` | ${verdict.is} | ${inCell(verdict.is === 'not checked' ? verdict.why : verdict.seen)} | ${inCell(verdict.assumed)} |`
  })
  const left =
    leftBehind.length === 0 ? 'Nothing was left behind.' : `Left behind:\n\n${leftBehind.map((item) => `- ${item}`).join('\n')}`
  return `# What was seen of ${cloud === 'Tencent' ? 'Tencent’s cloud' : 'a cloud that stands in for Tencent’s'}

Begun ${startedAt}, ${seconds} s. The ids are those of docs/verified.md.

| Id | Verdict | Seen | What we assume |
|---|---|---|---|
${rows.join('\n')}

${left}
`
}

const inCell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll(/\s+/g, ' ')
