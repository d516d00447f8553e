import { policyKind, policyPlural, recordingPolicySpecSchema, recordingPolicyStatusSchema } from '../src/index.ts'
import { definition, type PrinterColumn, schemaOf, withConditions } from './crd.ts'
import { withTolerationsOfItsVersion } from './rules.ts'
import type { Rule, Schema } from './structural.ts'

/** `kubectl get recpol`: does it hear events, and what came of them. */
const printerColumns: PrinterColumn[] = [
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
  { name: 'Application', type: 'integer', jsonPath: '.spec.sdkAppId' },
  { name: 'Made', type: 'integer', jsonPath: '.status.recordingsMade' },
  { name: 'Last Recording', type: 'string', jsonPath: '.status.lastRecording' },
  { name: 'Last Event', type: 'date', jsonPath: '.status.lastEventTime' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Message', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message', priority: 1 },
]

/** It is the value of a label of each Recording, and the beginning of its name. */
const objectRules: Rule[] = [{ rule: 'size(self.metadata.name) <= 40', message: 'metadata.name must have at most 40 characters' }]

/** A policy may be changed at any time: what a Recording freezes counts for those that are made from then on. */
function thawed({ immutable: _, ...schema }: Schema): Schema {
  return {
    ...schema,
    ...(schema.properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(schema.properties).map(([name, child]) => [name, thawed(child)])) }),
  }
}

export function policySpecSchema(): Schema {
  const spec = thawed(schemaOf(recordingPolicySpecSchema, { isOfUsers: true }))
  const template = withTolerationsOfItsVersion(spec.properties?.template ?? {})
  return {
    ...spec,
    properties: { ...spec.properties, template },
    description: 'Which rooms are recorded by themselves, when, and how.',
  }
}

export const policyStatusSchema = (): Schema =>
  withConditions(schemaOf(recordingPolicyStatusSchema), 'What has come of it. Written by the gateway only.')

export const recordingPolicyCrd = () =>
  definition({
    ...{ kind: policyKind, plural: policyPlural, shortName: 'recpol', printerColumns, rules: objectRules },
    description: 'Records rooms of a TRTC application by themselves, as TRTC tells of their events.',
    spec: policySpecSchema(),
    status: policyStatusSchema(),
  })
