import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type LivePartName,
  liveIndexObjectSchema,
  type Manifest,
  manifestKey,
  manifestSchema,
  type Recording,
  type RecordingClip,
} from '@trtc-recorder/api'
import type { ReceivedCallback } from '../../sandbox/src/callback/index.ts'
import { conditionOf, getJson, kubectl } from '../system/kubectl.ts'
import type { World } from '../system/world.ts'
import { nameByHttp } from './http.ts'
import { demoPage } from './page/page.ts'
import { clips, excluded, type Moments, namespace, roomId } from './story.ts'
import type { DemoSummary, RecordingSummary } from './summary.ts'

/** What the demo leaves in demo-output/, and what it was made of. */
export interface Collected {
  summary: DemoSummary
  manifests: Record<string, Manifest>
  callbacks: Record<string, ReceivedCallback[]>
  clips: RecordingClip[]
}

interface Link {
  label: string
  /** Below demo-output/. */
  href: string
}

/** Fetches everything back from where it was put, and writes demo-output/. */
export async function collect(
  world: World,
  folder: string,
  finished: readonly Recording[],
  moments: Moments,
): Promise<Collected> {
  await rm(folder, { recursive: true, force: true })
  const collected: Collected = { summary: { recordings: [] }, manifests: {}, callbacks: {}, clips: [] }
  const made: Record<string, Link[]> = {}
  const save = async (path: string, content: string | Uint8Array) => {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  for (const recording of finished) {
    const { name } = recording.metadata
    const fetchFile = async (key: string) => {
      const content = await world.cos.fetch(world.bucket, key)
      await save(key, content)
      return content
    }
    for (const { path } of recording.status?.files ?? []) await fetchFile(path)
    for (const { path, status } of recording.status?.outputs ?? []) if (status === 1) await fetchFile(path)
    const manifestFile = await world.cos.fetch(
      world.bucket,
      manifestKey({ recording: recording.metadata, spec: recording.spec, volume: 1 }),
    )
    await save(`demo/${name}.manifest.json`, manifestFile)
    const manifest = manifestSchema.parse(JSON.parse(String(manifestFile)))
    made[name] = await fetchLive(manifest, { fetchFile, list: (folder) => world.cos.objects(world.bucket, folder) })
    const callbacks = await world.callbacks.requests(
      new URL(recording.spec.callback!.url).pathname + new URL(recording.spec.callback!.url).search,
    )
    const arrived = callbacks.filter((callback) => Date.parse(callback.time) >= moments.applied)
    for (const [index, callback] of arrived.entries()) {
      const path = `callbacks/${name}${index === 0 ? '' : `-${index + 1}`}`
      await save(`${path}.json`, callback.body)
      await save(`${path}.headers.txt`, headersOf(callback))
    }
    await save(`recordings/${name}.yaml`, await kubectl('get', 'recording', name, '-n', namespace, '-o', 'yaml'))
    collected.manifests[name] = manifest
    collected.callbacks[name] = arrived
    collected.summary.recordings.push(summarize(recording, arrived, moments))
  }
  for (const name of clips) {
    const clip = await getJson<RecordingClip>('recordingclip', name, '-n', namespace)
    collected.clips.push(clip)
    for (const { path } of clip.status?.files ?? []) await save(path, await world.cos.fetch(world.bucket, path))
    const { name: recording } = clip.spec.recordingRef
    const [first] = clip.status?.files ?? []
    if (first !== undefined) made[recording]?.push({ label: `Clip ${name}`, href: first.path })
  }
  await save('summary.json', `${JSON.stringify(collected.summary, undefined, 2)}\n`)
  await save('index.html', pageOf(collected, made))
  return collected
}

const headersOf = ({ time, method, path, headers, status }: ReceivedCallback) =>
  [
    `${method} ${path}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '',
    `received ${time}, answered ${status}`,
    '',
  ].join('\n')

function summarize(
  { metadata, spec, status }: Recording,
  callbacks: readonly ReceivedCallback[],
  moments: Moments,
): RecordingSummary {
  const at = (type: 'Started' | 'Stored') => Date.parse(conditionOf(status, type)?.lastTransitionTime ?? '')
  const stopped = moments.stopped[metadata.name] ?? Number.NaN
  return {
    name: metadata.name,
    mode: spec.mode,
    stopReason: status!.stopReason!,
    files: (status?.files ?? []).map(({ userId, stream, path, url, bytes, durationSeconds }) => ({
      userId,
      stream,
      path,
      url,
      bytes,
      durationSeconds,
    })),
    callback: status?.callback,
    timings: {
      applyToStartedMs: at('Started') - (metadata.name === nameByHttp ? moments.posted : moments.applied),
      stopToStoredMs: at('Stored') - stopped,
      stopToCallbackMs: Date.parse(callbacks[0]?.time ?? '') - stopped,
    },
  }
}

/** All that was made while it recorded, whose it is as its lists say, with a link to the first of each kind of each user. */
async function fetchLive(
  { live }: Manifest,
  from: { fetchFile(key: string): Promise<Uint8Array>; list(folder: string): Promise<{ key: string }[]> },
): Promise<Link[]> {
  const links: Link[] = []
  for (const { part, userId, path, stored } of live) {
    const { entries } = liveIndexObjectSchema.parse(JSON.parse(String(await from.fetchFile(path))))
    for (const { key } of await from.list(`${dirname(path)}/`)) if (key !== path) await from.fetchFile(key)
    const [first] = entries.filter((entry) => entry.path !== '')
    if (first !== undefined && partLabels[part] !== undefined)
      links.push({ label: `${partLabels[part]} of ${userId} (1 of ${stored})`, href: first.path })
  }
  return links
}

/** Of the parts whose objects mean something by themselves. */
const partLabels: Partial<Record<LivePartName, string>> = { audioSlices: 'Slice', stills: 'Still' }

const outputLabel = ({ kind, userId }: Manifest['outputs'][number]) =>
  kind === 'replay' ? 'Replay: everybody on one clock' : `${kind}${userId === undefined ? '' : ` of ${userId}`}`

function pageOf({ summary, manifests, callbacks }: Collected, made: Record<string, Link[]>): string {
  const each = <T>(value: (name: string) => T) => Object.fromEntries(summary.recordings.map(({ name }) => [name, value(name)]))
  return demoPage({
    room: String(roomId),
    summary,
    manifests,
    excluded: each(() => excluded),
    links: each((name) => [
      ...manifests[name]!.outputs.filter(({ status }) => status === 1).map((output) => ({
        label: outputLabel(output),
        href: output.path,
      })),
      ...(made[name] ?? []),
      { label: 'Recording as YAML', href: `recordings/${name}.yaml` },
      { label: 'Manifest', href: `demo/${name}.manifest.json` },
      ...(callbacks[name] ?? []).slice(0, 1).map(() => ({ label: 'Callback as received', href: `callbacks/${name}.json` })),
    ]),
    callbackBodies: each((name) => (callbacks[name]?.[0] === undefined ? undefined : JSON.parse(callbacks[name][0].body))),
  })
}
