import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Control, controlSchema, subscribeSchema } from '@trtc-recorder/api'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ControlFile } from './control-file.ts'
import { noLog } from './testing.ts'

const subscribe = subscribeSchema.parse({})
let folder: string
let file: ControlFile<Control>
let version = 0
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'control-'))
})
afterEach(async () => {
  file.close()
  await rm(folder, { recursive: true })
})

/** As the kubelet does it: a folder of its own for each version, and one symbolic link that is exchanged. */
async function kubeletWrites(control: object): Promise<void> {
  const name = `..${++version}`
  await mkdir(join(folder, name))
  await writeFile(join(folder, name, 'control.json'), JSON.stringify(control))
  await symlink(name, join(folder, '..data_tmp'))
  await rename(join(folder, '..data_tmp'), join(folder, '..data'))
  if (version === 1) await symlink('..data/control.json', join(folder, 'control.json'))
}

const changed = () => new Promise<Control>((resolve) => file.onChange(resolve))

describe('the control file', () => {
  beforeEach(async () => {
    version = 0
    await kubeletWrites({ version: 1, desiredState: 'Running', subscribe })
    // Nobody looks each second: what is heeded was told by the kernel.
    vi.useFakeTimers({ toFake: ['setInterval'] })
    file = await ControlFile.open(join(folder, 'control.json'), controlSchema, noLog)
  })
  afterEach(() => vi.useRealTimers())

  test('is known before the room is entered', () => {
    expect(file.current).toEqual({ version: 1, desiredState: 'Running', subscribe })
  })

  test('is heeded at once when the kubelet exchanges it', async () => {
    const change = changed()
    await kubeletWrites({ version: 1, desiredState: 'Paused', subscribe })
    expect(await change).toMatchObject({ desiredState: 'Paused' })
    expect(file.current).toMatchObject({ desiredState: 'Paused' })
  })

  test('that makes no sense changes nothing, and it is said why', async () => {
    await kubeletWrites({ version: 2, desiredState: 'Dancing', subscribe })
    while (file.problem === null) await new Promise((resolve) => setImmediate(resolve))
    expect(file.problem).toContain('desiredState')
    expect(file.current).toMatchObject({ desiredState: 'Running' })
    const change = changed()
    await kubeletWrites({ version: 1, desiredState: 'Stopped', stopReason: 'Deleted', subscribe })
    expect(await change).toMatchObject({ stopReason: 'Deleted' })
    expect(file.problem).toBeNull()
  })
})

test('where the kernel tells nothing, it is looked at each second', async () => {
  vi.useFakeTimers({ toFake: ['setInterval'] })
  try {
    // A folder that is not there cannot be watched.
    file = await ControlFile.open(join(folder, 'later', 'control.json'), controlSchema, noLog)
    await mkdir(join(folder, 'later'))
    await writeFile(join(folder, 'later', 'control.json'), JSON.stringify({ version: 1, desiredState: 'Paused', subscribe }))
    const change = changed()
    await vi.advanceTimersByTimeAsync(1000)
    expect(await change).toMatchObject({ desiredState: 'Paused' })
  } finally {
    vi.useRealTimers()
  }
})

test('without a control file nothing changes', async () => {
  file = await ControlFile.open(undefined, controlSchema, noLog)
  expect(file.current).toBeUndefined()
  file.close()
  file = await ControlFile.open(join(folder, 'none', 'control.json'), controlSchema, noLog)
  expect(file.current).toBeUndefined()
})
