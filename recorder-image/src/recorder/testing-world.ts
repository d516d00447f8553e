import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Control, type Manifest, manifestSchema, type RecorderJob } from '@trtc-recorder/api'
import { Clock } from '../clock/clock.ts'
import type { Components } from './options.ts'
import { Run } from './run.ts'
import type { Stop } from './stop-policy.ts'
import { aJob, FakeMedia, FakePage, FakeRoom, FakeStore, noLog } from './testing.ts'

export const terminated: Stop = { reason: 'Terminated', message: 'The recorder was asked to stop' }

/** One volume and one bucket, and as many attempts as a test wants. */
export class World {
  readonly media = new FakeMedia()
  readonly store = new FakeStore()
  readonly secrets: string[] = []
  room = new FakeRoom()
  /** Begun by the latest attempt. */
  page: FakePage | undefined
  root = ''
  passedMillis = 0
  steppedMillis = 0
  stop = (_: Stop) => {}
  run: Run | undefined
  /** In place of fakes. */
  components: Partial<Components> = {}
  salvageWaitsFor: Promise<void> | undefined
  readonly salvaged: string[] = []

  /** With the Secrets that a job names, in a folder of its own. */
  static async make(): Promise<World> {
    const world = new World()
    world.root = await mkdtemp(join(tmpdir(), 'run-'))
    for (const [path, value] of Object.entries({ 'trtc/userSig': 'sig', 'cos/secretId': 'id', 'cos/secretKey': 'key' })) {
      await mkdir(join(world.root, 'secrets', path, '..'), { recursive: true })
      await writeFile(join(world.root, 'secrets', path), value)
    }
    return world
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true })
  }

  start(job: RecorderJob = aJob(), options: { byHand?: boolean; uploadSeconds?: number } = {}) {
    this.room = Object.assign(new FakeRoom(), { onOpen: this.room.onOpen })
    this.page = undefined
    const stopRequested = new Promise<Stop>((resolve) => {
      this.stop = resolve
    })
    this.run = new Run({
      job,
      byHand: false,
      uploadSeconds: 5,
      ...options,
      workDirectory: join(this.root, 'work'),
      controlPath: join(this.root, 'control.json'),
      clipsPath: join(this.root, 'clips.json'),
      secretsDirectory: join(this.root, 'secrets'),
      chromium: { path: '', args: [] },
      replayPage: join(this.root, 'replay.html'),
      stopRequested,
      onSecret: (value) => this.secrets.push(value),
      log: noLog,
      clock: new Clock({
        monotonicMillis: () => performance.now() + this.passedMillis,
        wallMillis: () => Date.now() + this.passedMillis + this.steppedMillis,
      }),
      components: {
        beginPage: () => {
          this.page = new FakePage()
          return this.page
        },
        openRoom: (options, handlers) => this.room.open(options, handlers),
        openMediaFile: this.media.open,
        leftMediaFiles: async () => this.media.left.map(({ identity }) => identity.name),
        salvageMediaFile: async (_, name) => {
          this.salvaged.push(name)
          await this.salvageWaitsFor
          return this.media.salvage(name)
        },
        createStore: () => this.store,
        ...this.components,
      },
    })
    return this.run.result()
  }

  async control(control: Control): Promise<void> {
    await writeFile(join(this.root, 'control.json'), JSON.stringify(control))
  }

  passSeconds(seconds: number): void {
    this.passedMillis += seconds * 1000
  }

  async recording(): Promise<void> {
    while (this.run!.progress().state === 'starting') await new Promise((resolve) => setImmediate(resolve))
  }

  get manifest(): Manifest {
    return manifestSchema.parse(JSON.parse(this.store.objects.get('lessons/maths.manifest.json')!))
  }
}
