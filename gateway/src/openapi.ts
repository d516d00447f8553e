import { callbackBodySchema, idempotencyHeader } from '@trtc-recorder/api'
import { z } from 'zod'
import { refusals } from './errors.ts'
import { listingSchema } from './http/query.ts'
import { templateFields } from './template/fields.ts'
import { templateBodySchema } from './template/request.ts'
import { requestStateSchema } from './template/state.ts'
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
      '/': { post: startOperation() },
      '/v1/requests': { post: startOperation(), get: listOperation() },
      '/v1/requests/{requestId}': { get: stateOperation() },
      '/v1/requests/{requestId}/logs': {
        get: operation('Log of a request', [requestIdParameter], {
          200: { description: 'A line for each thing that happened.', content: text },
        }),
      },
      '/v1/events': { post: eventOperation() },
      '/v1/requests/{requestId}/terminate': {
        post: operation('Ends a recording; its files are finished and stored', [requestIdParameter], {
          202: {
            description: 'It is being ended.',
            content: json({ type: 'object', properties: { requestId: { type: 'string' } } }),
          },
        }),
      },
    },
    components: {
      schemas: {
        Request: templateRequest(),
        RequestState: schemaOf(requestStateSchema, 'output'),
        Result: schemaOf(callbackBodySchema, 'output'),
        Refusal: refusalSchema,
        ...Object.fromEntries(actions.map((action) => [`${action}Request`, actionSchema(action)])),
      },
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'A caller’s token, or a token of Kubernetes where those are taken.',
        },
        keyPair: { type: 'http', scheme: 'basic', description: 'SecretId and SecretKey of a caller.' },
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

function operation(summary: string, parameters: Json[], responses: Json): Json {
  return { summary, ...(parameters.length === 0 ? {} : { parameters }), responses: { ...responses, ...refusalResponses() } }
}

function startOperation(): Json {
  const key = { type: 'string', minLength: 1, maxLength: 255 }
  return {
    ...operation(
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
          headers: { 'x-scf-reqid': { schema: { type: 'string', format: 'uuid' }, description: 'Id of the request.' } },
        },
      },
    ),
    requestBody: { required: true, content: json(reference('Request')) },
  }
}

function listOperation(): Json {
  const { properties = {} } = schemaOf(listingSchema, 'input') as { properties?: Record<string, Json> }
  const parameters = Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', schema }))
  const listing = {
    type: 'object',
    properties: { total: { type: 'integer' }, requests: { type: 'array', items: reference('RequestState') } },
  }
  return operation('Requests of the caller, newest first', parameters, {
    200: { description: 'A page of them.', content: json(listing) },
  })
}

function eventOperation(): Json {
  const headers = [
    ['SdkAppId', 'The application that it is about.'],
    ['Sign', 'base64 of HMAC-SHA256 over the body, with the callback key of the application.'],
  ].map(([name, description]) => ({ name, in: 'header', required: true, schema: { type: 'string' }, description }))
  return {
    ...operation('Takes a callback of TRTC (room and media events); only where policies are enabled', headers as Json[], {
      200: { description: 'It was heard.', content: json({ type: 'object', properties: { code: { const: 0 } } }) },
    }),
    security: [],
    requestBody: { required: true, content: json({ type: 'object' }) },
  }
}

const stateOperation = (): Json =>
  operation('What became of a request', [requestIdParameter], {
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
      items: { type: 'object', properties: { field: { type: 'string' }, message: { type: 'string' } } },
      description: 'What is wrong, field by field.',
    },
    requestId: { type: 'string', description: 'Of this very call; the gateway’s log has it, too.' },
  },
}

/** One response for each status, with the codes that have it. */
function refusalResponses(): Json {
  const byStatus = Map.groupBy(Object.entries(refusals), ([, { status }]) => status)
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      status,
      { description: of.map(([code, { meaning }]) => `\`${code}\`: ${meaning}`).join(' '), content: json(reference('Refusal')) },
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
        own.map(({ field, type, values, range, handling }) => [
          field.slice(prefix.length),
          {
            ...(type === 'Object' || type === 'Any' ? below(field) : types[type]),
            ...(values === '' ? {} : { description: values }),
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
