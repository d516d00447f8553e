import { z } from 'zod'
import { group, kind, plural, recordingSpecSchema, recordingStatusSchema, version } from '../src/index.ts'
import { freeze, objectRules, specRules, withRules, withTolerationsOfItsVersion } from './rules.ts'
import { withoutMeanings } from './same.ts'
import { type Rule, type Schema, structural } from './structural.ts'

/** `isOfUsers`: users write it, so that more is judged of it. */
export const schemaOf = (source: z.ZodType, { isOfUsers = false } = {}) =>
  structural(z.toJSONSchema(source, { target: 'openapi-3.0', io: 'input', override: namesOfMaps }) as Schema, isOfUsers)

/** OpenAPI has no word for what the names in a map have to be, so zod leaves it out. */
function namesOfMaps({ zodSchema: { _zod }, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: object }): void {
  if (_zod.def.type === 'record') Object.assign(jsonSchema, { propertyNames: z.toJSONSchema(_zod.def.keyType) })
}

export interface PrinterColumn {
  name: string
  type: 'string' | 'integer' | 'date'
  jsonPath: string
  description?: string
  /** 1: with `-o wide` only. */
  priority?: 1
}

/** `kubectl get rec`: is it recording, since when, how much, why did it stop. `-o wide` adds what it is about and where it runs. */
const printerColumns: PrinterColumn[] = [
  { name: 'Succeeded', type: 'string', jsonPath: '.status.conditions[?(@.type=="Succeeded")].status' },
  { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Succeeded")].reason' },
  { name: 'Started', type: 'date', jsonPath: '.status.startTime', description: 'Since when it has been recording.' },
  { name: 'Files', type: 'integer', jsonPath: '.status.fileCount' },
  { name: 'Recorded', type: 'integer', jsonPath: '.status.recordedBytes', description: 'Bytes recorded, when last asked.' },
  { name: 'Stop Reason', type: 'string', jsonPath: '.status.stopReason' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Mode', type: 'string', jsonPath: '.spec.mode', priority: 1 },
  { name: 'Room', type: 'integer', jsonPath: '.spec.roomId', priority: 1 },
  { name: 'StrRoom', type: 'string', jsonPath: '.spec.strRoomId', priority: 1 },
  { name: 'Pod', type: 'string', jsonPath: '.status.attempts[-1:].pod', priority: 1 },
  { name: 'Node', type: 'string', jsonPath: '.status.attempts[-1:].node', priority: 1 },
  { name: 'Callback', type: 'string', jsonPath: '.status.callback.state', priority: 1 },
  { name: 'Message', type: 'string', jsonPath: '.status.conditions[?(@.type=="Succeeded")].message', priority: 1 },
]

export function specSchema(): Schema {
  const spec = withTolerationsOfItsVersion(schemaOf(recordingSpecSchema, { isOfUsers: true }))
  const frozen = freeze(spec, kind)
  return withRules(
    { ...frozen, description: 'What to record, and where to put it. Frozen after creation, but for subscribe and desiredState.' },
    ...specRules,
  )
}

export const statusSchema = (): Schema =>
  withConditions(schemaOf(recordingStatusSchema), 'What has become of it. Written by the operator only.')

export function withConditions(status: Schema, description: string): Schema {
  const conditions: Schema = {
    ...status.properties?.conditions,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  }
  return {
    ...status,
    description,
    // Without a status kstatus takes an object for current, so that `helm --wait` and Flux would not wait for it.
    default: { observedGeneration: -1 },
    properties: { ...status.properties, conditions },
  }
}

interface Definition {
  kind: string
  plural: string
  shortName: string
  description: string
  spec: Schema
  status: Schema
  /** Over the object as a whole. */
  rules: Rule[]
  printerColumns: PrinterColumn[]
}

/** A CustomResourceDefinition, as the API server takes it. */
export function definition({ kind, plural, shortName, description, spec, status, rules, printerColumns }: Definition) {
  const root = withRules(
    {
      description,
      type: 'object',
      required: ['spec'],
      properties: {
        apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
        kind: { type: 'string', description: 'Kind of this object.' },
        metadata: { type: 'object' },
        spec: withoutMeanings(spec),
        status,
      },
    },
    ...rules,
  )
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [shortName],
        // What one kind is called must be none: kubectl would take `delete recordings --all` for all three.
        categories: ['trtc-recorder'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: printerColumns,
          schema: { openAPIV3Schema: root },
        },
      ],
    },
  }
}

export const recordingCrd = () =>
  definition({
    ...{ kind, plural, shortName: 'rec', printerColumns, rules: objectRules },
    description: 'A recording of a TRTC room: every anchor into a file of their own, in COS.',
    spec: specSchema(),
    status: statusSchema(),
  })
