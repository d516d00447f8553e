import { expect, test } from 'vitest'
import { VideoColumns } from './media-columns.ts'

test('a picture that was in the body before its own key frame is decoded by that, as all behind it, and one with parameter sets by its own', () => {
  const columns = new VideoColumns()
  const add = (rtpTimestamp: number, config: number, more: { key?: boolean; setBytes?: number } = {}) =>
    columns.push(
      { bytes: 10, setBytes: 0, config, key: false, leads: false, ssrc: 1, rtpTimestamp, receiveTimeMicros: 0, ...more },
      0,
    )
  add(0, 0, { key: true })
  add(1, 0)
  // The key frame of another size comes late.
  add(3, 0)
  add(2, 1, { key: true })
  add(4, 0)
  add(5, 2, { setBytes: 4 })
  add(6, 0)
  columns.settleConfigs([0, 1, 3, 2, 4, 5, 6])
  expect(Array.from(columns.configs.values)).toEqual([0, 0, 1, 1, 1, 2, 2])
})
