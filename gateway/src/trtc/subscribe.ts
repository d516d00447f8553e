import { everybody } from '@trtc-recorder/api'
import { type FieldProblem, invalid } from '../errors.ts'
import type { Values } from './read.ts'

/** Whom to record, as a Recording has it. */
export interface Subscribe {
  include: string[]
  exclude: string[]
  audio: { include: string[]; exclude: string[] }
  video: { include: string[]; exclude: string[] }
}

/** 0 audio and video, 1 audio, 2 video. */
export type StreamType = 0 | 1 | 2

const most = 32

/** TRTC’s lists replace what was before, and what is not said is everyone; so all of `subscribe` is said. */
export function subscribeOf(values: Values, prefix: string, streamType: StreamType): Subscribe {
  const list = (name: string) => (values.get(`${prefix}SubscribeStreamUserIds.${name}`) as string[] | undefined) ?? []
  const audio = { include: list('SubscribeAudioUserIds'), exclude: list('UnSubscribeAudioUserIds') }
  const video = { include: list('SubscribeVideoUserIds'), exclude: list('UnSubscribeVideoUserIds') }
  const problems = [
    ...(['Audio', 'Video'] as const).flatMap((medium) => {
      const { include, exclude } = medium === 'Audio' ? audio : video
      const name = `${prefix}SubscribeStreamUserIds.UnSubscribe${medium}UserIds`
      return include.length > 0 && exclude.length > 0
        ? [problem(name, `not together with Subscribe${medium}UserIds: give the one or the other`)]
        : []
    }),
    ...(
      ['SubscribeAudioUserIds', 'UnSubscribeAudioUserIds', 'SubscribeVideoUserIds', 'UnSubscribeVideoUserIds'] as const
    ).flatMap((name) => {
      const field = `${prefix}SubscribeStreamUserIds.${name}`
      const idle = streamType === 1 ? 'Video' : streamType === 2 ? 'Audio' : undefined
      if (list(name).length > most) return [problem(field, `must have at most ${most} users`)]
      return idle !== undefined && name.includes(idle) && list(name).length > 0
        ? [problem(field, `has no effect with StreamType ${streamType}, which records no ${idle.toLowerCase()}`)]
        : []
    }),
  ]
  if (problems.length > 0) throw invalid(problems)
  return { include: [], exclude: [], audio, video: streamType === 1 ? { include: [], exclude: [everybody] } : video }
}

const problem = (field: string, message: string): FieldProblem => ({ field, kind: 'range', message })

/** The field that a list of a spec came from. */
export function listFieldOf(path: string, prefix: string): string | undefined {
  const [, medium, list, index] = /^subscribe\.(audio|video)\.(include|exclude)(\[\d+\])?$/.exec(path) ?? []
  if (medium === undefined) return path.startsWith('subscribe') ? `${prefix}SubscribeStreamUserIds` : undefined
  const name = `${list === 'include' ? 'Subscribe' : 'UnSubscribe'}${medium === 'audio' ? 'Audio' : 'Video'}UserIds`
  return `${prefix}SubscribeStreamUserIds.${name}${index ?? ''}`
}
