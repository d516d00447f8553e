import type { ClipReason, RecordingClipStatus } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { type ClipStage, clipRefused, clipStage } from './stage.ts'

const because = (reason: ClipReason) =>
  [{ type: 'Succeeded', status: 'Unknown', reason, message: '', observedGeneration: 1, lastTransitionTime: 't' }] as const
const open = (attempt: (ClipStage & { is: 'open' })['attempt']): ClipStage => ({ is: 'open', attempt })

describe('the stage of a clip', () => {
  test.each<[string, RecordingClipStatus | undefined, ClipStage]>([
    ['nothing is told of', undefined, open({ is: 'none' })],
    ['that waits for its Recording', { conditions: [...because('RecordingUnderWay')] }, open({ is: 'none' })],
    ['whose Pod is at work', { attempts: 2, conditions: [...because('Cutting')] }, open({ is: 'made', number: 2 })],
    [
      'whose Pod came to nothing',
      { attempts: 2, nextAttemptTime: 'next', conditions: [...because('Retrying')] },
      open({ is: 'failed', number: 2, nextTime: 'next' }),
    ],
    [
      'whose third Pod was refused',
      { attempts: 2, nextAttemptTime: 'next', refusedTimes: 4, refusedTime: 'then', conditions: [...because('QuotaExceeded')] },
      open({ is: 'refused', made: 2, reason: 'QuotaExceeded', times: 4, time: 'then', nextTime: 'next' }),
    ],
    [
      'that an earlier release was refused a Pod for',
      { nextAttemptTime: 'next', conditions: [...because('PodRejected')] },
      open({ is: 'refused', made: 0, reason: 'PodRejected', times: 1, time: 'next', nextTime: 'next' }),
    ],
    ['that is over', { completionTime: 'then', attempts: 1 }, { is: 'over', completionTime: 'then' }],
  ])('%s', (_, status, stage) => {
    expect(clipStage(status)).toEqual(stage)
  })

  test('says since when a quota refuses it, and nothing of another refusal', () => {
    const status = { nextAttemptTime: 'next', refusedTime: 'then', conditions: [...because('QuotaExceeded')] }
    expect(clipRefused(status, 'QuotaExceeded')).toEqual({ since: 'then', message: '' })
    expect(clipRefused(status, 'PodRejected')).toBeUndefined()
    expect(clipRefused({ ...status, completionTime: 'now' }, 'QuotaExceeded')).toBeUndefined()
  })
})
