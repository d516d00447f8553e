import { leastSpec } from './refusals.ts'

/** A policy as small as it can be. */
export const leastPolicy = {
  sdkAppId: 1400000001,
  recorderUserId: 'recorder',
  template: { appSecretKeyRef: { name: 'trtc' }, cos: leastSpec.cos },
}

const template = (over: object) => ({ template: { ...leastPolicy.template, ...over } })
const window = (over: object, timeZone = 'Asia/Shanghai') => ({
  schedule: { timeZone, windows: [{ from: '08:00', to: '18:00', ...over }] },
})

/** What can never work, each over `leastPolicy`, with the field that the message has to name. */
export const refusedPolicies: { what: string; over: object; field: string }[] = [
  { what: 'no application', over: { sdkAppId: undefined }, field: 'spec.sdkAppId' },
  { what: 'a recorder with a blank in its id', over: { recorderUserId: 'the recorder' }, field: 'spec.recorderUserId' },
  { what: 'a regular expression', over: { rooms: { include: ['room_[0-9]+.*'] } }, field: 'spec.rooms.include[0]' },
  { what: 'a wildcard in the middle', over: { rooms: { include: ['a.*$b.*$'] } }, field: 'spec.rooms.include[0]' },
  { what: 'an empty room', over: { rooms: { exclude: [''] } }, field: 'spec.rooms.exclude[0]' },
  {
    what: 'a name where rooms have numbers',
    over: { rooms: { type: 'Number', include: ['math.*$'] } },
    field: 'spec.rooms.include',
  },
  {
    what: 'a name to leave out where rooms have numbers',
    over: { rooms: { type: 'Number', exclude: ['007'] } },
    field: 'spec.rooms.exclude',
  },
  {
    what: 'a number that no room has',
    over: { rooms: { type: 'Number', include: ['4294967295'] } },
    field: 'spec.rooms.include',
  },
  {
    what: 'rooms that are all left out',
    over: { rooms: { include: ['math', 'lesson-1.*$'], exclude: ['lesson-.*$', 'math'] } },
    field: 'spec.rooms.include',
  },
  { what: 'no room at all', over: { rooms: { exclude: ['.*$'] } }, field: 'spec.rooms.include' },
  {
    what: 'nobody whose entering counts',
    over: { enters: { include: ['bot_1'], exclude: ['bot_.*$'] } },
    field: 'spec.enters.include',
  },
  {
    what: 'slices of nobody',
    over: template({ live: { audioSlices: { users: { include: ['bot_1'], exclude: ['bot_.*$'] } } } }),
    field: 'spec.template.live.audioSlices.users.include',
  },
  { what: 'a user pattern of another kind', over: { enters: { include: ['teacher*'] } }, field: 'spec.enters.include[0]' },
  { what: 'a role there is not', over: { enters: { role: 'Owner' } }, field: 'spec.enters.role' },
  { what: 'the recorder as the one to wait for', over: { enters: { include: ['recorder'] } }, field: 'spec.enters.include' },
  { what: 'a time zone there is not', over: window({}, 'Asia/Atlantis'), field: 'spec.schedule.timeZone' },
  { what: 'an offset for a time zone', over: window({}, '+08:00'), field: 'spec.schedule.timeZone' },
  { what: 'an hour there is not', over: window({ from: '24:00' }), field: 'spec.schedule.windows[0].from' },
  { what: 'a window without length', over: window({ to: '08:00' }), field: 'spec.schedule.windows[0].to' },
  { what: 'no day', over: window({ days: [] }), field: 'spec.schedule.windows[0].days' },
  { what: 'a day in other words', over: window({ days: ['Monday'] }), field: 'spec.schedule.windows[0].days[0]' },
  { what: 'a schedule without a window', over: { schedule: { timeZone: 'UTC', windows: [] } }, field: 'spec.schedule.windows' },
  { what: 'no recording at all', over: { limits: { activeRecordings: 0 } }, field: 'spec.limits.activeRecordings' },
  { what: 'no key to sign with', over: template({ appSecretKeyRef: undefined }), field: 'spec.template.appSecretKeyRef' },
  { what: 'Opus without a picture', over: template({ mode: '00', audioCodec: 'Opus' }), field: 'spec.template.audioCodec' },
  { what: 'stills of a mode without pictures', over: template({ live: { stills: {} } }), field: 'spec.template.live' },
  {
    what: 'slices of a mode without sound',
    over: template({ mode: '01', live: { audioSlices: {} } }),
    field: 'spec.template.live',
  },
  {
    what: 'how a mix is written that is not made',
    over: template({ mode: '02', outputs: { mixFormat: 'Mp4' } }),
    field: 'spec.template.outputs.mixFormat',
  },
  {
    what: 'whose picture in a mode without',
    over: template({ subscribe: { video: { include: ['a'] } } }),
    field: 'spec.template.subscribe.video.include',
  },
  {
    what: 'a bucket without its APPID',
    over: template({ cos: { region: 'ap-guangzhou', bucket: 'b' } }),
    field: 'spec.template.cos.bucket',
  },
  {
    what: 'Recordings that go before late events have come',
    over: template({ ttlSecondsAfterFinished: 60 }),
    field: 'spec.template.ttlSecondsAfterFinished',
  },
]

export const acceptedPolicies: { what: string; over: object }[] = [
  { what: 'the least', over: {} },
  {
    what: 'rooms by number',
    over: { rooms: { type: 'Number', include: ['43474', '7.*$', '.*$', '4294967294'], exclude: ['70'] } },
  },
  { what: 'rooms of which some are left out', over: { rooms: { include: ['lesson-.*$'], exclude: ['lesson-1.*$'] } } },
  { what: 'rooms by name', over: { rooms: { type: 'String', include: ['math 101', 'lesson-.*$', '$x.'] } } },
  { what: 'a night', over: window({ days: ['Fri', 'Sat'], from: '22:00', to: '02:30' }) },
  { what: 'a whole day, in UTC', over: window({ from: '00:00', to: '24:00' }, 'UTC') },
  {
    what: 'all that a Recording may say',
    over: template({
      ...{ mode: '02', audioCodec: 'Opus', subscribe: { exclude: ['bot_.*$'] }, ttlSecondsAfterFinished: 86_400 },
      ...{ callback: { url: 'https://receiver.example' }, resources: { limits: { memory: '2Gi' } }, storage: { size: '5Gi' } },
    }),
  },
]
