import { describe, expect, test } from 'vitest'
import { exitCodeOf, Findings, markdownOf, reportOf } from './report.ts'
import { settingsSchema } from './settings.ts'

const settings = settingsSchema.parse({
  ...{ sdkAppId: 1400000001, sdkSecretKey: 'sdk-key', secretId: 'AKIDme', secretKey: 'cos-key' },
  ...{ region: 'ap-guangzhou', bucket: 'recordings-1250000000' },
})
const reportWith = (findings: Findings, leftBehind: string[] = []) =>
  reportOf({ findings, leftBehind, startedAt: new Date() }, { settings, secrets: ['temporary-token'] })

describe('a report', () => {
  test('has a verdict for each id: what nobody came to is not checked, and what a run cannot check says why', () => {
    const { verdicts } = reportWith(new Findings())
    expect(verdicts['room-enter']).toMatchObject({ is: 'not checked', why: 'the run did not come to it' })
    expect(verdicts['codec-h265']).toMatchObject({ is: 'not checked', why: 'this Chromium cannot publish H.265' })
  })

  test('says differs where anything did, whatever came later, and its exit code says so', () => {
    const findings = new Findings()
    findings.holds('kick-removed', 'the recorder says RemovedByApi')
    expect(exitCodeOf(reportWith(findings))).toBe(0)
    findings.differs('kick-removed', 'the other recorder ended too')
    findings.holds('kick-removed', 'the recorder says RemovedByApi')
    expect(reportWith(findings).verdicts['kick-removed']).toMatchObject({ is: 'differs', seen: 'the other recorder ended too' })
    expect(exitCodeOf(reportWith(findings))).toBe(1)
  })

  test('of a run that left something behind is no good one', () => {
    const report = reportWith(new Findings(), ['an unfinished upload of parts.bin'])
    expect(exitCodeOf(report)).toBe(1)
    expect(markdownOf(report)).toContain('- an unfinished upload of parts.bin')
  })

  test('has no secret in it, and neither bucket nor application', () => {
    const findings = new Findings()
    findings.differs('cos-virtual-host', 'recordings-1250000000 of 1400000001 with AKIDme cos-key sdk-key temporary-token | here')
    const report = reportWith(findings)
    const seen = '<bucket> of <sdkAppId> with *** *** *** *** | here'
    expect(report.verdicts['cos-virtual-host']).toMatchObject({ seen })
    expect(markdownOf(report)).toContain('&lt;bucket> of &lt;sdkAppId> with *** *** *** *** \\| here')
  })
})
