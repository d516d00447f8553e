import { CommonClient } from 'tencentcloud-sdk-nodejs-common'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { gatewayFor, templateBody } from '../testing/harness.ts'

let gateway: ReturnType<typeof gatewayFor>
let client: CommonClient
let id: string
beforeEach(async () => {
  gateway = gatewayFor()
  gateway.clock.now = new Date()
  await gateway.server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = gateway.server.server.address() as { port: number }
  const credential = { secretId: 'AKIDschool', secretKey: 'school-secret-key-0001' }
  const profile = { httpProfile: { endpoint: `127.0.0.1:${port}`, protocol: 'http://' } }
  client = new CommonClient('scf.tencentcloudapi.com', '2018-04-16', { credential, region: 'ap-guangzhou', profile })
  id = String((await gateway.post(templateBody)).headers['x-scf-reqid'])
})
afterEach(() => gateway.server.close())

const call = (action: string, body: object) => client.request(action, body)
const code = (action: string, body: object) =>
  call(action, body).then(
    () => 'answered',
    (error: { code: string }) => error.code,
  )
const set = (status: object) => gateway.cluster.setStatus(`request-${id}`, status)
const ended = {
  conditions: [{ type: 'Succeeded', status: 'True', reason: 'Completed', message: 'Every file is stored.' }],
  ...{ startTime: '2026-03-01T18:00:00.000Z', completionTime: new Date().toISOString(), stopReason: 'RoomDismissed' },
}

describe('SCF’s own actions, by Tencent’s SDK', () => {
  test('GetAsyncEventStatus', async () => {
    expect(await call('GetAsyncEventStatus', { InvokeRequestId: id })).toMatchObject({
      Result: { Status: 'RUNNING', StatusCode: 0, InvokeRequestId: id },
    })
    set(ended)
    expect(await call('GetAsyncEventStatus', { InvokeRequestId: id })).toMatchObject({
      Result: { Status: 'FINISHED', StatusCode: 200 },
    })
    expect(await code('GetAsyncEventStatus', { InvokeRequestId: 'x' })).toBe('ResourceNotFound.AsyncEvent')
    expect(await code('GetAsyncEventStatus', {})).toBe('MissingParameter')
  })

  test('ListAsyncEvents, with its filters and its times', async () => {
    const other = (await gateway.post({ ...templateBody, RoomId: 2 })).headers['x-scf-reqid']
    set(ended)
    const list = async (over: object = {}) =>
      (await call('ListAsyncEvents', { FunctionName: 'f', ...over })) as {
        TotalCount: number
        EventList: { InvokeRequestId: string }[]
      }
    const ids = async (over: object) => (await list(over)).EventList.map(({ InvokeRequestId }) => InvokeRequestId)
    expect(await ids({})).toEqual([other, id])
    expect(await ids({ Order: 'ASC' })).toEqual([id, other])
    expect(await ids({ Status: ['FINISHED'] })).toEqual([id])
    expect(await ids({ InvokeRequestId: other })).toEqual([other])
    expect(await ids({ StartTimeInterval: { Start: '2026-03-02 02:00:00', End: '2026-03-02 02:00:01' } })).toEqual([id])
    expect(await ids({ StartTimeInterval: { Start: '2026-03-02 01:00:00', End: '2026-03-02 02:00:00' } })).toEqual([])
    const page = await list({ Limit: 1, Offset: 1 })
    expect(page).toMatchObject({
      TotalCount: 2,
      EventList: [{ InvokeRequestId: id, Status: 'FINISHED', StartTime: '2026-03-02 02:00:00.000000' }],
    })
    expect(await code('ListAsyncEvents', { FunctionName: 'f', Limit: 101 })).toBe('InvalidParameterValue')
    for (const Start of ['2026-02-31 00:00:00', '2026-01-01 25:00:00', '2026-01-01'])
      expect(await code('ListAsyncEvents', { FunctionName: 'f', StartTimeInterval: { Start, End: '2026-03-02 02:00:01' } })).toBe(
        'InvalidParameterValue',
      )
    expect(await code('ListAsyncEvents', {})).toBe('MissingParameter')
  })

  test('TerminateAsyncEvent, once', async () => {
    const terminate = { FunctionName: 'f', InvokeRequestId: id, GraceShutdown: true }
    expect(await call('TerminateAsyncEvent', terminate)).toMatchObject({ RequestId: expect.any(String) })
    expect(gateway.cluster.recordings[0]?.spec.desiredState).toBe('Stopped')
    set(ended)
    expect(await code('TerminateAsyncEvent', terminate)).toBe('FailedOperation.AsyncEventStatus')
  })

  test('GetRequestStatus', async () => {
    const status = async (over: object = {}) => call('GetRequestStatus', { FunctionName: 'f', FunctionRequestId: id, ...over })
    expect(await status()).toMatchObject({ TotalCount: 1, Data: [{ RequestId: id, RetCode: 1 }] })
    set(ended)
    expect(await status()).toMatchObject({ Data: [{ RetCode: 0, RetMsg: 'Every file is stored.' }] })
    expect(await status({ StartTime: '2026-03-03 00:00:00', EndTime: '2026-03-04 00:00:00' })).toMatchObject({ TotalCount: 0 })
  })

  test('Invoke, with the request as it is or as API Gateway would hand it over', async () => {
    const invoke = (ClientContext: string, InvocationType = 'Event') =>
      call('Invoke', { FunctionName: 'f', InvocationType, ClientContext })
    const { Result } = (await invoke(JSON.stringify({ requestContext: {}, body: JSON.stringify(templateBody) }))) as {
      Result: { FunctionRequestId: string }
    }
    expect(gateway.cluster.recordings.map(({ metadata }) => metadata.name)).toContain(`request-${Result.FunctionRequestId}`)
    await expect(invoke('{')).rejects.toMatchObject({ code: 'InvalidParameter' })
    await expect(invoke('{}', 'RequestResponse')).rejects.toMatchObject({ code: 'InvalidParameterValue' })
    // SCF has no code for each of the template's fields.
    await expect(invoke('{}')).rejects.toMatchObject({ code: 'MissingParameter' })
    await expect(invoke('{"UserId":"a","UserId":"b"}')).rejects.toMatchObject({ code: 'InvalidParameterValue' })
  })

  test('others are refused, each in words that help', async () => {
    expect(await code('GetFunctionLogs', { FunctionName: 'f' })).toBe('ActionOffline')
    expect(await code('InvokeFunction', { FunctionName: 'f' })).toBe('UnsupportedOperation')
    expect(await code('ListFunctions', {})).toBe('InvalidAction')
  })
})
