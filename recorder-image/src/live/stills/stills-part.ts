import { compactTime, isListed, type Medium, type Stills } from '@trtc-recorder/api'
import type { LiveObjects } from '../live-objects.ts'
import type { LiveEvent, LivePart, LivePicture, LiveRoom, LiveSource } from '../part.ts'
import type { StillQueue } from './still-queue.ts'
import { StillSchedule } from './still-schedule.ts'

const contentType = 'image/jpeg'
export const latestStill = 'latest.jpeg'

/** A JPEG of each user's pictures now and then. */
export class StillsPart implements LivePart {
  readonly name = 'stills'
  readonly #spec: Stills
  readonly #objects: LiveObjects
  readonly #room: LiveRoom
  readonly #queue: StillQueue
  readonly #schedules = new Map<number, StillSchedule>()

  constructor(spec: Stills, objects: LiveObjects, room: LiveRoom, queue: StillQueue) {
    this.#spec = spec
    this.#objects = objects
    this.#room = room
    this.#queue = queue
  }

  wants({ userId, stream }: Pick<LiveSource, 'userId' | 'stream'>): readonly Medium[] {
    return this.#spec.streams.includes(stream) && isListed(this.#spec.users, userId) ? ['video'] : []
  }

  on(event: LiveEvent): void {
    const { source } = event
    switch (event.type) {
      case 'opened':
        this.#schedules.set(source.id, new StillSchedule(this.#spec.seconds))
        return
      case 'picture': {
        const schedule = this.#schedules.get(source.id)!
        const { key, ptsMicros } = event.picture
        if (!key) {
          if (schedule.asks(ptsMicros)) this.#room.requestKeyFrame(source)
        } else if (schedule.takes(ptsMicros)) this.#make(source, event.picture)
        return
      }
      case 'closed':
        this.#schedules.delete(source.id)
        return
      case 'sound':
      case 'sends':
      case 'reached':
      case 'paused':
      case 'resumed':
        return
    }
  }

  end(): Promise<void> {
    return this.#queue.end()
  }

  #make(source: LiveSource, { config, data, ptsMicros }: LivePicture): void {
    const begun = this.#objects.begin(this.name, source, ptsMicros, ptsMicros)
    const failed = (why: string) => begun.failed(why, ptsMicros)
    // Those behind it do not wait for COS.
    const made = async (jpeg: Buffer) => {
      const { naming } = this.#spec
      switch (naming) {
        case 'Timestamp': {
          const name = `${compactTime(new Date(ptsMicros / 1000))}.jpeg`
          void begun.made({ name, data: jpeg, contentType, toMicros: ptsMicros })
          return
        }
        case 'Latest': {
          const key = this.#objects.keyOf(this.name, source, latestStill)
          void this.#objects.replace(key, jpeg, contentType).then((isStored) => {
            if (isStored) begun.nothing()
            else failed('it could not be stored')
          })
        }
      }
    }
    this.#queue.add({ sourceId: source.id, config, sample: new Uint8Array(data), made, failed })
  }
}
