import { callbackBodySchema, idempotencyHeader } from '@trtc-recorder/api'
import { z } from 'zod'
import { refusals } from './errors.ts'
import { listingSchema } from './http/query.ts'
import { scfActions, scfSchemas } from './scf/actions.ts'
import { templateFields } from './template/fields.ts'
import { templateBodySchema } from './template/request.ts'
import { requestStateSchema } from './template/state.ts'
import { answerSchemas } from './tencent/answers.ts'
import { actions, trtcFields } from './trtc/fields.ts'

type Json = Record<string, unknown>

/** The OpenAPI 3.1 document, from the schemas that requests are checked with and answers are made by. */
export function openApi(): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'trtc-recorder gateway',
      version: 'v1',
      description:
        'Records a TRTC room: each anchor into a file of their own, in COS. `POST /` is the request of the serverless template; with the headers of Tencent Cloud’s API 3.0 it is TRTC’s recording API (2019-07-22) or SCF’s (2018-04-16).',
    },
    paths: {
      '/': { post: anyOperation() },
      '/v1/requests': { post: startOperation(), get: listOperation() },
      '/v1/requests/{requestId}': { get: stateOperation() },
      '/v1/requests/{requestId}/logs': {
        get: operation('log', 'Log of a request', [requestIdParameter], {
          200: { description: 'A line for each thing that happened.', content: text },
        }),
      },
      '/v1/events': { post: eventOperation() },
      '/v1/requests/{requestId}/terminate': {
        post: operation('terminate', 'Ends a recording; its files are finished and stored', [requestIdParameter], {
          202: {
            description: 'It is being ended.',
            content: json({ type: 'object', required: ['requestId'], properties: { requestId: { type: 'string' } } }),
          },
        }),
      },
      '/openapi.json': {
        get: {
          ...{ operationId: 'openapi', summary: 'This document', security: [] },
          responses: { 200: { description: 'OpenAPI 3.1.', content: json({ type: 'object' }) } },
        },
      },
    },
    components: {
      schemas: {
        Request: templateRequest(),
        RequestState: schemaOf(requestStateSchema, 'output'),
        Result: schemaOf(callbackBodySchema, 'output'),
        Refusal: refusalSchema,
        ...Object.fromEntries(actions.map((action) => [`${action}Request`, actionSchema(action)])),
        ...Object.fromEntries(scfActions.map((action) => [`${action}Request`, schemaOf(scfSchemas[action], 'input')])),
        ...Object.fromEntries(everyAction.map((action) => [`${action}Response`, answerOf(action)])),
        ErrorResponse: errorResponse,
      },
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'A caller’s token, or a token of Kubernetes where those are taken.',
        },
        keyPair: { type: 'http', scheme: 'basic', description: 'SecretId and SecretKey of a caller.' },
        tc3: {
          ...{ type: 'apiKey', in: 'header', name: 'Authorization' },
          description: 'Tencent Cloud’s signature version 3 (TC3-HMAC-SHA256), with a key pair of a caller, as its SDKs make it.',
        },
      },
    },
    security: [{ token: [] }, { keyPair: [] }],
  }
}

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const json = (schema: Json) => ({ 'application/json': { schema } })
const text = { 'text/plain': { schema: { type: 'string' } } }

const requestIdParameter = {
  name: 'requestId',
  in: 'path',
  required: true,
  schema: { type: 'string', format: 'uuid' },
  description: 'x-scf-reqid of its answer.',
}

function operation(operationId: string, summary: string, parameters: Json[], responses: Json): Json {
  return {
    operationId,
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: { ...responses, ...refusalResponses() },
  }
}

function startOperation(): Json {
  const key = { type: 'string', minLength: 1, maxLength: 255 }
  return {
    ...operation(
      'start',
      'Starts a recording',
      [
        {
          ...{ name: idempotencyHeader, in: 'header', schema: key },
          description: 'Calls with the same key are one request. Without it each call is a recorder of its own.',
        },
      ],
      {
        200: {
          description: '`Async run task submitted`',
          content: text,
          headers: Object.fromEntries(
            ['x-scf-reqid', 'x-scf-request-id'].map((name) => [
              name,
              { schema: { type: 'string', format: 'uuid' }, description: 'Id of the request.' },
            ]),
          ),
        },
      },
    ),
    requestBody: { required: true, content: json(reference('Request')) },
  }
}

const everyAction = [...actions, ...scfActions]

/** The template’s request, or with X-TC-Action one of Tencent’s APIs. */
function anyOperation(): Json {
  const start = startOperation() as { parameters: Json[]; responses: Json & { 200: { content: Json } } }
  const header = (name: string, schema: Json, description: string) => ({ name, in: 'header', schema, description })
  const answers = [...everyAction.map((action) => reference(`${action}Response`)), reference('ErrorResponse')]
  return {
    ...start,
    operationId: 'startOrAct',
    summary: 'Starts a recording; with X-TC-Action an action of TRTC’s or SCF’s API',
    description:
      'So does any path that is not below /v1, such as /release/<function>. With X-TC-Action every answer is HTTP 200, and refusals are ErrorResponse.',
    parameters: [
      ...start.parameters,
      header('X-TC-Action', { enum: everyAction }, 'The action. Without it the body is the template’s.'),
      header('X-TC-Version', { enum: ['2019-07-22', '2018-04-16'] }, 'With X-TC-Action: 2019-07-22 of TRTC, 2018-04-16 of SCF.'),
      header('X-TC-Timestamp', { type: 'string', pattern: '^[0-9]+$' }, 'With X-TC-Action: seconds since 1970.'),
    ],
    security: [{ token: [] }, { keyPair: [] }, { tc3: [] }],
    requestBody: {
      required: true,
      content: json({ anyOf: [reference('Request'), ...everyAction.map((action) => reference(`${action}Request`))] }),
    },
    responses: {
      ...start.responses,
      200: { ...start.responses[200], content: { ...start.responses[200].content, ...json({ anyOf: answers }) } },
    },
  }
}

/** The envelope of every answer of Tencent’s API. */
const responded = (members: Record<string, unknown>, required: string[]): Json => ({
  type: 'object',
  required: ['Response'],
  properties: {
    Response: {
      ...{ type: 'object', required: [...required, 'RequestId'], additionalProperties: false },
      properties: { ...members, RequestId: { type: 'string', description: 'Of this very call.' } },
    },
  },
})

function answerOf(action: keyof typeof answerSchemas): Json {
  const { properties = {}, required = [] } = schemaOf(answerSchemas[action], 'output') as {
    properties?: Json
    required?: string[]
  }
  return responded(properties, required)
}

const errorResponse = responded(
  {
    Error: {
      type: 'object',
      required: ['Code', 'Message'],
      properties: {
        Code: { type: 'string', description: 'A code of the service, such as InvalidParameter.OutOfRange.' },
        Message: { type: 'string', description: 'What is wrong; it begins with the name of the field.' },
      },
    },
  },
  ['Error'],
)

function listOperation(): Json {
  const { properties = {} } = schemaOf(listingSchema, 'input') as { properties?: Record<string, Json> }
  const parameters = Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', schema }))
  const listing = {
    ...{ type: 'object', required: ['total', 'requests'] },
    properties: { total: { type: 'integer' }, requests: { type: 'array', items: reference('RequestState') } },
  }
  return operation('list', 'Requests of the caller, newest first', parameters, {
    200: { description: 'A page of them.', content: json(listing) },
  })
}

function eventOperation(): Json {
  const headers = [
    ['SdkAppId', 'The application that it is about.'],
    ['Sign', 'base64 of HMAC-SHA256 over the body, with the callback key of the application.'],
  ].map(([name, description]) => ({ name, in: 'header', required: true, schema: { type: 'string' }, description }))
  return {
    ...operation(
      'event',
      'Takes a callback of TRTC (room and media events); only where policies are enabled',
      headers as Json[],
      {
        200: {
          description: 'It was heard.',
          content: json({ type: 'object', required: ['code'], properties: { code: { const: 0 } } }),
        },
      },
    ),
    security: [],
    requestBody: { required: true, content: json({ type: 'object' }) },
  }
}

const stateOperation = (): Json =>
  operation('state', 'What became of a request', [requestIdParameter], {
    200: { description: 'As it is now.', content: json(reference('RequestState')) },
  })

const refusalSchema: Json = {
  type: 'object',
  required: ['code', 'message', 'fields', 'requestId'],
  properties: {
    code: { enum: Object.keys(refusals) },
    message: { type: 'string' },
    fields: {
      type: 'array',
      items: {
        ...{ type: 'object', required: ['field', 'message'] },
        properties: { field: { type: 'string' }, message: { type: 'string' } },
      },
      description: 'What is wrong, field by field.',
    },
    requestId: { type: 'string', description: 'Of this very call; the gateway’s log has it, too.' },
  },
}

const refusalHeaders: Record<number, Json> = {
  401: { 'www-authenticate': { schema: { type: 'string' } } },
  429: { 'retry-after': { schema: { type: 'integer' }, description: 'In seconds.' } },
  503: { 'retry-after': { schema: { type: 'integer' }, description: 'In seconds.' } },
}

/** One response for each status, with the codes that have it. */
function refusalResponses(): Json {
  const byStatus = Map.groupBy(Object.entries(refusals), ([, { status }]) => status)
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      status,
      {
        description: of.map(([code, { meaning }]) => `\`${code}\`: ${meaning}`).join(' '),
        ...(refusalHeaders[status] === undefined ? {} : { headers: refusalHeaders[status] }),
        content: json(reference('Refusal')),
      },
    ]),
  )
}

function templateRequest(): Json {
  const schema = schemaOf(templateBodySchema, 'input') as {
    properties: Record<string, Json & { properties?: Record<string, Json> }>
  }
  for (const { field, here } of templateFields) {
    const [name = '', inner] = field.split('.')
    const target = inner === undefined ? schema.properties[name] : schema.properties[name]?.properties?.[inner]
    if (target !== undefined) target.description = here
  }
  return schema
}

/** A request of TRTC's API, from its table; what is refused by name is not in it. */
function actionSchema(action: (typeof actions)[number]): Json {
  const taken = trtcFields[action].filter(({ handling }) => handling.is !== 'refused')
  const below = (parent: string): Json => {
    const prefix = parent === '' ? '' : `${parent}.`
    const own = taken.filter(({ field }) => field.startsWith(prefix) && !field.slice(prefix.length).includes('.'))
    const types = {
      Integer: { type: 'integer' },
      String: { type: 'string' },
      'String[]': { type: 'array', items: { type: 'string' } },
    }
    return {
      type: 'object',
      additionalProperties: false,
      required: own.filter(({ need }) => need === 'required').map(({ field }) => field.slice(prefix.length)),
      properties: Object.fromEntries(
        own.map(({ field, type, values, range, longest, handling }) => [
          field.slice(prefix.length),
          {
            ...(type === 'Object' || type === 'Any' ? below(field) : types[type]),
            ...(values === '' ? {} : { description: values }),
            ...(longest === undefined ? {} : { maxLength: longest }),
            ...(range === undefined ? {} : { minimum: range[0], maximum: range[1] }),
            ...(handling.is === 'limited' ? { description: `${values}. ${handling.how}` } : {}),
          },
        ]),
      ),
    }
  }
  return below('')
}

const schemaOf = (schema: z.ZodType, io: 'input' | 'output') => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json
  return rest
}
