import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { openApi } from '../../gateway/src/openapi.ts'
import { asSchool, gatewayFor, templateBody } from '../../gateway/src/testing/harness.ts'

type Schema = Record<string, unknown>
interface Operation {
  operationId: string
  parameters?: { name: string; in: string; schema: Schema; required?: boolean }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<
    string,
    { description: string; content?: Record<string, { schema: Schema }>; headers?: Record<string, { schema: Schema }> }
  >
  security?: Record<string, string[]>[]
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, object> }
  security: Record<string, string[]>[]
}
const document = openApi() as unknown as Document
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.values(methods).map((operation) => ({ path, operation })),
)

/** Schemas of OpenAPI 3.1 are those of JSON Schema 2020-12. */
const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, formats: { uuid: true, 'date-time': true } })
ajv.addVocabulary(['openapi', 'info', 'paths', 'components', 'security'])
ajv.addSchema(document as never, 'document')
const named = (name: string) => ajv.compile({ $ref: `document#/components/schemas/${name}` })
/** References of a schema in an operation are to the document. */
const inline = (schema: Schema) => ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/')) as Schema)

test('each schema is one, wherever it stands', () => {
  for (const name of Object.keys(document.components.schemas)) expect(() => named(name)).not.toThrow()
  for (const { operation } of operations) {
    const { parameters = [], requestBody, responses } = operation
    const bodies = [requestBody, ...Object.values(responses)].flatMap((body) => Object.values(body?.content ?? {}))
    const headers = Object.values(responses).flatMap(({ headers = {} }) => Object.values(headers))
    for (const { schema } of [...parameters, ...bodies, ...headers]) expect(() => inline(schema)).not.toThrow()
  }
})

test('each operation has a name of its own, the parameters of its path, and ways to sign in that there are', () => {
  const names = operations.map(({ operation }) => operation.operationId)
  expect(new Set(names).size).toBe(names.length)
  for (const { path, operation } of operations) {
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
    expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? [])
    expect(inPath.every(({ required }) => required === true)).toBe(true)
    for (const response of Object.values(operation.responses)) expect(response.description).toBeTruthy()
    for (const way of (operation.security ?? document.security).flatMap(Object.keys))
      expect(document.components.securitySchemes).toHaveProperty(way)
  }
})

const cos = { Vendor: 0, Region: 'ap-shanghai', Bucket: 'lessons-1250000000', AccessKey: 'AKID', SecretKey: 'key' }
const task = {
  ...{ SdkAppId: 1400000001, RoomId: '43474', UserId: 'robot', UserSig: 'sig' },
  ...{ RecordParams: { RecordMode: 1, OutputFormat: 3 }, StorageParams: { CloudStorage: cos } },
}
test.each<[name: string, right: object, wrong: object]>([
  ['Request', templateBody, { ...templateBody, RoomId: '43474' }],
  ['CreateCloudRecordingRequest', task, { ...task, RecordParams: {} }],
  ['DescribeCloudRecordingRequest', { SdkAppId: 1, TaskId: 'x' }, { SdkAppId: 1 }],
  ['ModifyCloudRecordingRequest', { SdkAppId: 1, TaskId: 'x', SubscribeStreamUserIds: {} }, { SdkAppId: 1, TaskId: 1 }],
  ['ListAsyncEventsRequest', { FunctionName: 'f', Status: ['RUNNING'] }, { FunctionName: 'f', Status: ['OVER'] }],
  ['InvokeRequest', { FunctionName: 'f', InvocationType: 'Event', ClientContext: '{}' }, { FunctionName: 'f' }],
  ['ErrorResponse', { Response: { Error: { Code: 'x', Message: 'y' }, RequestId: 'z' } }, { Response: { RequestId: 'z' } }],
  ['DeleteCloudRecordingResponse', { Response: { TaskId: 'x', RequestId: 'z' } }, { Response: { TaskId: 'x' } }],
])('%s takes what is right, and not what is wrong', (name, right, wrong) => {
  const fits = named(name)
  expect([fits(right), fits.errors]).toEqual([true, null])
  expect(fits(wrong)).toBe(false)
})

test('what is answered fits what the document says of it', async () => {
  const { post, get, cluster } = gatewayFor()
  const requestId = (await post(templateBody)).headers['x-scf-reqid']
  const answers = {
    running: await get(`/v1/requests/${requestId}`),
    list: await get('/v1/requests'),
    refused: await post({ ...templateBody, RoomId: '1' }),
    ending: await post('', asSchool, `/v1/requests/${requestId}/terminate`),
  }
  const condition = { type: 'Succeeded', status: 'True', reason: 'Completed', message: '' }
  cluster.setStatus(`request-${requestId}`, { conditions: [condition], completionTime: '2026-03-01T11:00:00Z', files: [] })
  const over = await get(`/v1/requests/${requestId}`)
  const schemaFor = (path: string, method: string, status: number) =>
    inline(document.paths[path]![method]!.responses[status]!.content!['application/json']!.schema)
  const of = '/v1/requests/{requestId}'
  for (const [schema, answer] of [
    [schemaFor(of, 'get', 200), answers.running],
    [schemaFor(of, 'get', 200), over],
    [schemaFor('/v1/requests', 'get', 200), answers.list],
    [schemaFor('/v1/requests', 'post', 400), answers.refused],
    [schemaFor(`${of}/terminate`, 'post', 202), answers.ending],
  ] as const) {
    expect([schema(answer.json()), schema.errors]).toEqual([true, null])
  }
})
