import { describe, expect, test } from 'vitest'
import { commonLabels, podName, volumeName, volumeNumber } from './names.ts'
import { aRecording } from './testing.ts'

describe('what is made for a Recording', () => {
  test('cannot be taken for a StatefulSet’s, whatever the Recording is called', () => {
    // The StatefulSet controller takes Pods <set>-<number> and volumes <template>-<set>-<number> for its own.
    const ofStatefulSet = /-[0-9]+$/
    for (const name of ['web', 'web-0', 'data-web-0', '1']) {
      expect(podName(name, 1)).not.toMatch(ofStatefulSet)
      expect(volumeName(name, 1)).not.toMatch(ofStatefulSet)
    }
  })

  test('fits into a label, with the longest name a Recording can have', () => {
    expect(podName('x'.repeat(52), 99_999).length).toBeLessThanOrEqual(63)
    expect(volumeName('x'.repeat(52), 16).length).toBeLessThanOrEqual(63)
  })

  test('of a volume says which it is', () => {
    expect(volumeNumber(volumeName('lesson-v2', 16))).toBe(16)
    expect(volumeNumber('math')).toBe(1)
  })

  test('has no label that Argo CD tracks its applications by', () => {
    const labels = commonLabels(aRecording().metadata)
    expect(Object.keys(labels)).not.toContain('app.kubernetes.io/instance')
    expect(labels).toMatchObject({ 'trtc-recorder.dev/recording': 'math', 'trtc-recorder.dev/recording-uid': 'recording-uid' })
  })
})
