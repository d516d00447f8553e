import { clipKind, clipPlural, recordingClipSpecSchema, recordingClipStatusSchema } from '../src/index.ts'
import { definition, type PrinterColumn, schemaOf, withConditions } from './crd.ts'
import { freeze } from './rules.ts'
import type { Rule, Schema } from './structural.ts'

/** `kubectl get recclip`: is it there, and of what. */
const printerColumns: PrinterColumn[] = [
  { name: 'Succeeded', type: 'string', jsonPath: '.status.conditions[?(@.type=="Succeeded")].status' },
  { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Succeeded")].reason' },
  { name: 'Recording', type: 'string', jsonPath: '.spec.recordingRef.name' },
  { name: 'From', type: 'string', jsonPath: '.spec.from' },
  { name: 'To', type: 'string', jsonPath: '.spec.to' },
  { name: 'Files', type: 'integer', jsonPath: '.status.fileCount' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Message', type: 'string', jsonPath: '.status.conditions[?(@.type=="Succeeded")].message', priority: 1 },
]

/** Pods are named after it, as after a Recording. */
const objectRules: Rule[] = [{ rule: 'size(self.metadata.name) <= 52', message: 'metadata.name must have at most 52 characters' }]

export const clipSpecSchema = (): Schema => ({
  ...freeze(schemaOf(recordingClipSpecSchema, { isOfUsers: true }), clipKind),
  description: 'What to cut out of a recording. Frozen after creation, but for ttlSecondsAfterFinished.',
})

export const clipStatusSchema = (): Schema =>
  withConditions(schemaOf(recordingClipStatusSchema), 'What has become of it. Written by the operator only.')

export const recordingClipCrd = () =>
  definition({
    ...{ kind: clipKind, plural: clipPlural, shortName: 'recclip', printerColumns, rules: objectRules },
    description: 'A stretch of time of a recording, cut out into files of its own beside those of the recording.',
    spec: clipSpecSchema(),
    status: clipStatusSchema(),
  })
