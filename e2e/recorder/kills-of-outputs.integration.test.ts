import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LiveEntry, type Loss, liveIndexObjectSchema, type Manifest, recorderEnv } from '@trtc-recorder/api'
import { expect, onTestFailed, onTestFinished, test } from 'vitest'
import { readMediaPlaylist } from '../../recorder-image/src/live/hls/testing/read-playlist.ts'
import { Receiver } from '../../recorder-image/src/live/pcm/testing/receiver.ts'
import { identities } from '../../sandbox/src/identities.ts'
import { readMedia } from '../media/index.ts'
import { processTree } from './processes.ts'
import { seededRandom } from './random.ts'
import type { RecorderProcess } from './recorder-process.ts'
import { World } from './world.ts'

/**
 * All that can be made of a recording, while recorder, page, the receiver of live sound and COS are killed at random moments: of each slice, still, segment and
 * output the manifest has it, and it is right, or it is named as missing. `make soak-kills` does it more often; `SEED` plays the same again.
 */
const count = Number(process.env.KILLS ?? 4)
const seed = Number(process.env.SEED)
const users = ['alice', 'bob']
const targets = ['recorder', 'page', 'receiver', 'COS'] as const
const { bucket } = identities.cos

const live = { audioSlices: { seconds: 5 }, stills: { seconds: 1 }, hls: { seconds: 2 } }
const outputs = {
  ...{
    audio16k: true,
    pair: { left: ['alice'], right: ['bob'] },
    speech: true,
    vcon: true,
    mix: true,
    mixFormat: 'Mp4',
    paella: true,
  },
}
/** Where nothing is told of for longer than this, in milliseconds, something is missing without a word. A still stands for its moment only. */
const mostUntold = { audioSlices: 1500, hls: 1500, stills: 3000 } as const
const clip = { width: 320, height: 180, fps: 15, loopSeconds: 10 } as const

test(`${count} kills at random, seed ${seed}: all that is made of a recording is right, or named as missing`, {
  timeout: 120_000 + count * 30_000,
}, async () => {
  console.log(`kills of outputs: SEED=${seed} KILLS=${count}`)
  const random = seededRandom(seed)
  const world = await World.start()
  const receiver = new Receiver()
  await receiver.open()
  onTestFailed(() => console.error(world.output))
  onTestFinished(async () => {
    await receiver.close()
    await world.close()
  })
  for (const userId of users) await world.publish(userId, { audio: true, video: true }, clip)
  const spec = { live: { ...live, pcm: { url: `${receiver.address}/{userId}` } }, outputs }
  const receivers = { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: true }
  const record = () => world.record({ spec, environment: { [recorderEnv.receivers]: JSON.stringify(receivers) } })
  let recorder = await record()
  let order: readonly (typeof targets)[number][] = []
  for (let n = 0; n < count; n++) {
    await everybodyArrives(recorder)
    await sleep(2000 + random.upTo(4000))
    if (n % targets.length === 0) order = random.shuffle(targets)
    switch (order[n % targets.length]!) {
      case 'recorder':
        recorder.kill('SIGKILL')
        await recorder.ended
        recorder = await record()
        break
      case 'page':
        process.kill(await pageOf(recorder), 'SIGKILL')
        break
      case 'receiver':
        await receiver.close()
        await sleep(random.upTo(3000))
        await receiver.open()
        break
      case 'COS':
        await world.cos.outage(true)
        await sleep(random.upTo(4000))
        await world.cos.outage(false)
    }
  }
  await everybodyArrives(recorder)
  await sleep(3000)
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed' })

  const manifest = await world.manifest()
  const directory = await mkdtemp(join(tmpdir(), 'kills-'))
  const fetch = (key: string) => world.cos.fetch(bucket, key)
  const media = async (name: string, keys: readonly string[]) => {
    const path = join(directory, name)
    await writeFile(path, Buffer.concat(await Promise.all(keys.map(fetch))))
    return readMedia(path)
  }
  const findings: string[] = []
  const told = async (userId: string, part: 'audioSlices' | 'stills') => {
    const lists = manifest.live.filter((list) => list.userId === userId && list.part === part)
    const indexes = await Promise.all(lists.map(async ({ path }) => JSON.parse(String(await fetch(path)))))
    return indexes.flatMap((index) => liveIndexObjectSchema.parse(index).entries)
  }
  for (const userId of users) {
    const lost = manifest.losses.filter((loss) => loss.userId === userId)
    const isUntold = (part: keyof typeof mostUntold, there: readonly Stretch[]) =>
      findings.push(
        ...untold(manifest, userId, [...there, ...lost.map(stretchOf)], mostUntold[part]).map((gap) => `${part}: ${gap}`),
      )

    const slices = await told(userId, 'audioSlices')
    isUntold('audioSlices', slices.map(stretchOf))
    for (const { entry, read } of await world.slices(manifest, userId)) {
      const offMillis = read.playedSamples / 48 - (Date.parse(entry.endTime) - Date.parse(entry.startTime))
      if (Math.abs(offMillis) > 2) findings.push(`${entry.path} is ${offMillis} ms longer than it says`)
    }

    const stills = await told(userId, 'stills')
    isUntold('stills', stills.map(stretchOf))
    for (const { path } of stills.filter((still) => still.path !== '')) {
      const { streams, decodeErrors } = await media('still.jpeg', [path])
      if (decodeErrors.length > 0 || streams[0]?.width !== clip.width) findings.push(`${path}: ${decodeErrors.join('; ')}`)
    }
    for (const entry of [...slices, ...stills])
      if (entry.path === '' && !isNamed(entry, lost)) findings.push(`${entry.message} is no loss`)

    const folder = `e2e/lesson.${Buffer.from(userId).toString('base64url')}.main.hls`
    const inIndex = String(await fetch(`${folder}/index.m3u8`)).match(/^\d+(?=\/video\.m3u8$)/gm) ?? []
    const all = (await world.cos.objects(bucket, `${folder}/`)).map(({ key }) => key)
    const files = new Set(all.flatMap((key) => /\/(\d+)\/video\.m3u8$/.exec(key)?.[1] ?? []))
    if (inIndex.some((file) => !files.has(file))) findings.push(`${folder}/index.m3u8 names what is not there`)
    const segments: Stretch[] = []
    for (const file of files) {
      for (const name of ['video', 'audio']) {
        const at = `${folder}/${file}`
        const playlist = readMediaPlaylist(String(await fetch(`${at}/${name}.m3u8`)))
        if (!playlist.isEnded) findings.push(`${at}/${name}.m3u8 has no end`)
        const here = playlist.segments.filter(({ isGap }) => !isGap)
        if (name === 'video')
          segments.push(...here.map(({ startMillis, seconds }) => ({ from: startMillis, to: startMillis + seconds * 1000 })))
        for (const map of new Set(here.map((segment) => segment.map))) {
          const ofMap = here.filter((segment) => segment.map === map)
          const { decodeErrors } = await media(
            `${name}.mp4`,
            [map, ...ofMap.map(({ uri }) => uri)].map((one) => `${at}/${one}`),
          )
          if (decodeErrors.length > 0) findings.push(`${at}/${map}: ${decodeErrors.join('; ')}`)
        }
      }
    }
    isUntold('hls', segments)

    for (const { from, to, seconds, lostSeconds, attempt } of manifest.liveSound.filter((sound) => sound.userId === userId)) {
      const all = stretchOf({ from, to })
      // What never came from the room could not be sent.
      const away = lost.filter(({ medium, reason }) => medium === 'audio' && reason === 'RoomAway').map(stretchOf)
      const awayMillis = away.reduce((sum, one) => sum + Math.max(0, Math.min(one.to, all.to) - Math.max(one.from, all.from)), 0)
      const offSeconds = (all.to - all.from - awayMillis) / 1000 - seconds - lostSeconds
      if (Math.abs(offSeconds) > 1) findings.push(`of live sound of attempt ${attempt} ${offSeconds} s are neither sent nor lost`)
    }
  }

  const { outputs: made } = manifest
  expect(new Set(made.map(({ kind }) => kind))).toEqual(new Set(['audio16k', 'pair', 'speech', 'vcon', 'mix', 'paella']))
  for (const { path, status, message, durationSeconds } of made) {
    if (message !== 'ok') findings.push(`${path}: ${message}`)
    if (status !== 1 || !/\.(wav|mp4|mp3|m4a)$/.test(path)) continue
    const { decodeErrors, durationSeconds: found } = await media(path.split('/').at(-1)!, [path])
    if (decodeErrors.length > 0) findings.push(`${path}: ${decodeErrors.join('; ')}`)
    if (Math.abs(found - (durationSeconds ?? found)) > 0.2)
      findings.push(`${path} lasts ${found} s instead of ${durationSeconds} s`)
  }
  expect(findings).toEqual([])
})

interface Stretch {
  from: number
  to: number
}
const stretchOf = (one: { startTime: string; endTime: string } | { from: string; to: string }): Stretch =>
  'from' in one
    ? { from: Date.parse(one.from), to: Date.parse(one.to) }
    : { from: Date.parse(one.startTime), to: Date.parse(one.endTime) }

const isNamed = (entry: LiveEntry, losses: readonly Loss[]) => {
  const { from, to } = stretchOf(entry)
  return losses.map(stretchOf).some((loss) => loss.from <= to + 20 && loss.to >= from - 20)
}

/** Stretches of what is in the files of a user of which nothing is told. */
function untold({ files }: Manifest, userId: string, told: readonly Stretch[], mostMillis: number): string[] {
  const findings: string[] = []
  const inOrder = told.toSorted((a, b) => a.from - b.from)
  for (const file of files.filter((one) => one.userId === userId)) {
    let at = Date.parse(file.startTime)
    const end = Date.parse(file.endTime)
    for (const { from, to } of [...inOrder, { from: end, to: end }]) {
      if (to < at || from > end) continue
      if (from - at > mostMillis)
        findings.push(`${from - at} ms of ${file.path} are missing without a word, at ${new Date(at).toISOString()}`)
      at = Math.max(at, to)
    }
  }
  return findings
}

/** Waits until sound and picture of everybody come, from now on. */
async function everybodyArrives(recorder: RecorderProcess): Promise<void> {
  const arrived = (userId: string, kind: string) =>
    recorder.logs.some((log) => log.msg === 'Media arrived' && log.userId === userId && log.kind === kind)
  while (!users.every((userId) => ['audio', 'video'].every((kind) => arrived(userId, kind)))) await sleep(50)
}

async function pageOf(recorder: RecorderProcess): Promise<number> {
  for (;;) {
    const page = (await processTree(recorder.pid)).find(({ commandLine }) => commandLine.includes('--type=renderer'))
    if (page !== undefined) return page.pid
    await sleep(20)
  }
}
