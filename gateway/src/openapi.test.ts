import { expect, test } from 'vitest'
import { openApi } from './openapi.ts'
import { gatewayFor, templateBody } from './testing/harness.ts'

interface Document {
  openapi: string
  paths: Record<string, Record<string, { responses: Record<string, object> }>>
  components: {
    schemas: Record<string, { properties: Record<string, { description?: string; properties?: object }>; required: string[] }>
  }
}
const document = openApi() as unknown as Document

test('is served to anybody, and says what the server does', async () => {
  const { get } = gatewayFor()
  const answer = await get('/openapi.json', {})
  expect(answer.json()).toEqual(JSON.parse(JSON.stringify(document)))
  expect(document.openapi).toBe('3.1.0')
})

test('has each path that is answered, and no other', async () => {
  const { server } = gatewayFor()
  await server.ready()
  const open = server.printRoutes({ commonPrefix: false }).matchAll(/── (\S+)/g)
  // Each path ends with what the router prints of it; `/*` is any path, and said to be at `/`.
  for (const [, end = ''] of open)
    expect(
      Object.keys(document.paths).some((path) => path.endsWith(end.replace(':requestId', '{requestId}').replace('*', '/'))),
    ).toBe(true)
  const id = '00000000-0000-4000-8000-000000000000'
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of Object.keys(methods)) {
      const { statusCode } = await server.inject({
        method: method.toUpperCase() as 'GET',
        url: path.replace('{requestId}', id),
      })
      expect([method, path, statusCode]).toEqual([method, path, path === '/openapi.json' ? 200 : 401])
    }
  }
})

test('has every field of a request with what is done with it, and every reference leads somewhere', () => {
  const { Request } = document.components.schemas
  expect(Object.keys(Request?.properties ?? {})).toEqual(expect.arrayContaining(Object.keys(templateBody)))
  for (const { description } of Object.values(Request?.properties ?? {})) expect(description).toBeTruthy()
  expect(document.components.schemas.CreateCloudRecordingRequest?.required).toContain('RecordParams')
  for (const [, name = ''] of JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)) {
    expect(document.components.schemas).toHaveProperty(name)
  }
})

test('describes the states that are told: what is told fits it', async () => {
  const { post, get } = gatewayFor()
  const requestId = (await post(templateBody)).headers['x-scf-reqid']
  const state = (await get(`/v1/requests/${requestId}`)).json()
  const described = document.components.schemas.RequestState
  expect(Object.keys(described?.properties ?? {})).toEqual(expect.arrayContaining(Object.keys(state)))
  for (const name of described?.required ?? []) expect(state).toHaveProperty(name)
})
