import { expect, test } from 'vitest'
import { whatIsMissing } from './rights.ts'

const forbidden = (what: string, where = ' in the namespace "school"') =>
  `Error from server (Forbidden): x is forbidden: User "tenant" cannot ${what}${where}`

test.each<[string, string]>([
  [
    forbidden('patch resource "recordings" in API group "trtc-recorder.dev"'),
    'Missing is the right to patch recordings.trtc-recorder.dev in namespace school. The role edit has it, unless the chart was installed with rbac.aggregate=false, or with watchNamespaces; an administrator can also give it alone: kubectl create role NAME -n school --verb=patch --resource=recordings.trtc-recorder.dev',
  ],
  [
    forbidden('get resource "pods/log" in API group ""'),
    'Missing is the right to get pods/log in namespace school. The role view has it; an administrator can also give it alone: kubectl create role NAME -n school --verb=get --resource=pods/log',
  ],
  [
    forbidden('list resource "events" in API group ""', ' at the cluster scope'),
    'Missing is the right to list events. The role view has it',
  ],
  [`error: the server doesn't have a resource type "recordings"`, 'not installed in this cluster'],
])('%s', (said, expected) => expect(whatIsMissing(said)).toContain(expected))

test('what says enough is left as it is', () =>
  expect(whatIsMissing('Error from server (NotFound): recordings.trtc-recorder.dev "math" not found')).toBeUndefined())
