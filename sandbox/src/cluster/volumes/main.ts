import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inside } from '../addresses.ts'
import { ApiError, clusterApi } from '../api.ts'
import { type Claim, decideVolumes, type Volume } from './decide.ts'

// The provisioner of the sandbox's StorageClass. Runs inside the cluster's namespaces; whatever fails is tried again.

const root = join(inside.state, 'cluster/volumes')
const claimsPath = '/api/v1/persistentvolumeclaims'
const volumesPath = '/api/v1/persistentvolumes'
const retryMilliseconds = 500

const api = clusterApi(join(inside.state, 'cluster/pki/volume-provisioner.kubeconfig'))

async function reconcile(): Promise<void> {
  const [claims, volumes] = await Promise.all([
    api.get<{ items: Claim[] }>(claimsPath),
    api.get<{ items: Volume[] }>(volumesPath),
  ])
  const plan = decideVolumes(claims.items, volumes.items, root)
  for (const { name, volume } of plan.create) {
    mkdirSync(join(root, name), { recursive: true, mode: 0o755 })
    await api.create(volumesPath, volume)
    say('Created a volume', name)
  }
  for (const name of plan.remove) {
    rmSync(join(root, name), { recursive: true, force: true })
    await api.remove(`${volumesPath}/${name}`).catch((error: unknown) => {
      if (!(error instanceof ApiError && error.status === 404)) throw error
    })
    say('Removed a volume', name)
  }
}

/** Reconciles once more after every change, never twice at a time. */
let wanted = false
let reconciling = false
async function changed(): Promise<void> {
  wanted = true
  if (reconciling) return
  reconciling = true
  while (wanted) {
    wanted = false
    try {
      await reconcile()
    } catch (error) {
      say('Could not reconcile', String(error))
      wanted = true
      await sleep(retryMilliseconds)
    }
  }
  reconciling = false
}

async function follow(path: string): Promise<never> {
  for (;;) {
    try {
      void changed()
      for await (const _ of api.watch(path)) void changed()
    } catch (error) {
      say('Lost the watch', String(error))
      await sleep(retryMilliseconds)
    }
  }
}

function say(msg: string, about: string): void {
  console.log(JSON.stringify({ time: new Date().toISOString(), msg, about }))
}

await Promise.all([follow(claimsPath), follow(volumesPath)])
