import { expect, it } from 'vitest'
import { table } from './table.ts'

it('aligns columns by their widest cell and leaves the last one as it is', () => {
  expect(
    table(
      ['user', 'URL'],
      [
        ['alice', 'http://a/very/long/address'],
        ['bo', 'x'],
      ],
    ),
  ).toBe(['user   URL', '-----  ---', 'alice  http://a/very/long/address', 'bo     x'].join('\n'))
})
