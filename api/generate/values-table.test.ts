import { expect, test } from 'vitest'
import { valuesTable } from './values-table.ts'

test('each value has a row with its default and what is said of it', () => {
  const text = `# About the file.

# Of the image.
image:
  # Where it is.
  repository: a/b
  tag: ""
# How much.
resources:
  limits:
    memory: 1Gi
  requests: {}
plain: 5
nothing: null
`
  expect(valuesTable(text).split('\n').slice(2)).toEqual([
    '| `image` |  | Of the image. |',
    '| `image.repository` | `"a/b"` | Where it is. |',
    '| `image.tag` | `""` |  |',
    '| `resources` | `{"limits":{"memory":"1Gi"},"requests":{}}` | How much. |',
    '| `plain` | `5` |  |',
    '| `nothing` | `null` |  |',
  ])
})
