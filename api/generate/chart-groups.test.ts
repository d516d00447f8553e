import { expect, test } from 'vitest'
import { chartGroups } from './chart-groups.ts'

test('a group is what the schema knows the inside of, and does not let be null', () => {
  const values = `
image:
  tag: ""
metrics:
  service:
    enabled: true
  labels: {}
resources:
  limits: {}
plain: 5
`
  const group = (properties: object) => ({ type: 'object', properties })
  const schema = group({
    image: { $ref: '#/definitions/image' },
    metrics: group({ service: group({ enabled: { type: 'boolean' } }), labels: { type: ['object', 'null'] } }),
    resources: { type: ['object', 'null'], properties: { limits: { type: 'object' } } },
    plain: { type: 'integer' },
  })
  const definitions = { image: group({ tag: { type: 'string' } }) }
  expect(
    chartGroups(values, JSON.stringify({ ...schema, definitions }))
      .split('\n')
      .slice(2, -2),
  ).toEqual([
    'image:',
    '  tag: ""',
    'metrics:',
    '  service:',
    '    enabled: true',
    '  labels: {}',
    'metrics.service:',
    '  enabled: true',
  ])
})
