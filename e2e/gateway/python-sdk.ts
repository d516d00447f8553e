import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { cacheDirectory } from '../../sandbox/src/cluster/paths.ts'

const run = promisify(execFile)
const packages = ['tencentcloud-sdk-python-trtc==3.1.177', 'tencentcloud-sdk-python-common==3.1.195']

/** Folder with Tencent's SDK for Python, fetched once; undefined where there is no Python with pip. */
export async function pythonSdk(): Promise<string | undefined> {
  const folder = join(cacheDirectory(), `python-${packages.map((name) => name.split('==')[1]).join('-')}`)
  if (existsSync(folder)) return folder
  const hasPip = await run('python3', ['-m', 'pip', '--version']).then(
    () => true,
    () => false,
  )
  if (!hasPip) return undefined
  await mkdir(dirname(folder), { recursive: true })
  const partial = await mkdtemp(`${folder}.`)
  try {
    const quiet = ['--quiet', '--disable-pip-version-check', '--no-warn-script-location', '--root-user-action=ignore']
    await run('python3', ['-m', 'pip', 'install', ...quiet, '--target', partial, ...packages], { timeout: 240_000 })
    await rename(partial, folder)
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
  return folder
}

/** Calls an action with it, and gives what Python's caller sees: the answer, or code, message and requestId of its exception. */
export async function callFromPython(
  folder: string,
  {
    port,
    secretId,
    secretKey,
    action,
    body,
  }: { port: number; secretId: string; secretKey: string; action: string; body: object },
): Promise<Record<string, unknown>> {
  const script = `
import json, os, sys
from tencentcloud.common import credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.trtc.v20190722 import trtc_client, models
given = json.load(sys.stdin)
profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=given["endpoint"]))
client = trtc_client.TrtcClient(credential.Credential(given["secretId"], given["secretKey"]), "ap-guangzhou", profile)
request = getattr(models, given["action"] + "Request")()
request.from_json_string(json.dumps(given["body"]))
try:
    print(getattr(client, given["action"])(request).to_json_string())
except TencentCloudSDKException as error:
    print(json.dumps({"code": error.code, "message": error.message, "requestId": error.requestId}))
`
  const promise = run('python3', ['-c', script], { env: { PATH: process.env.PATH, HOME: process.env.HOME, PYTHONPATH: folder } })
  promise.child.stdin?.end(JSON.stringify({ endpoint: `127.0.0.1:${port}`, secretId, secretKey, action, body }))
  return JSON.parse((await promise).stdout)
}
