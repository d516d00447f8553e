/**
 * Every field of TRTC’s recording API (2019-07-22), once: what it may be, and what becomes of it. The check of a request, the refusals and the table in
 * docs/migrating.md come from here, and each row has a test. No field is accepted and ignored.
 */

export const actions = ['CreateCloudRecording', 'DescribeCloudRecording', 'ModifyCloudRecording', 'DeleteCloudRecording'] as const
export type Action = (typeof actions)[number]

export type Handling =
  /** Does here what it does there, or what is said. */
  | { is: 'honoured'; how: string }
  /** These values only; any other is refused by name. */
  | { is: 'limited'; to: readonly number[]; how: string; otherwise: string }
  /** Refused by name, whatever its value. */
  | { is: 'refused'; why: string }

export interface TrtcField {
  field: string
  type: 'Integer' | 'String' | 'String[]' | 'Object' | 'Any'
  need: 'required' | 'optional'
  /** As Tencent documents them. */
  values: string
  range?: readonly [least: number, most: number]
  /** Of a text that goes into a Secret, and so is checked nowhere else. */
  longest?: number
  handling: Handling
}

const honoured = (how: string): Handling => ({ is: 'honoured', how })
const refused = (why: string): Handling => ({ is: 'refused', why })
const limited = (to: readonly number[], how: string, otherwise: string): Handling => ({ is: 'limited', to, how, otherwise })

const sdkAppId: TrtcField = {
  ...{ field: 'SdkAppId', type: 'Integer', need: 'required', values: '', range: [1, 4_294_967_295] },
  handling: honoured('`spec.sdkAppId`; the key has to be granted it.'),
}
const taskId: TrtcField = {
  ...{ field: 'TaskId', type: 'String', need: 'required', values: '' },
  handling: honoured('The id of the request; the Recording is `request-<TaskId>`.'),
}
const noTranscode =
  'what a mix is encoded as is not chosen (MP3 of 96 kbit/s, or MP4 of 1280x720 with 15 pictures a second and AAC), and in single-stream recording it has no effect'
const noLayout =
  'how a mix is laid out is not chosen (a grid of up to 16, a shared screen large with the cameras beside it), and in single-stream recording it has no effect'

const lists = (prefix: string, needs: 'optional'): TrtcField[] => [
  {
    ...{ field: `${prefix}SubscribeStreamUserIds`, type: 'Object', need: needs, values: 'absent: everyone' },
    handling: honoured('`spec.subscribe`.'),
  },
  ...(['Audio', 'Video'] as const).flatMap((medium): TrtcField[] => [
    {
      ...{ field: `${prefix}SubscribeStreamUserIds.Subscribe${medium}UserIds`, type: 'String[]', need: 'optional' },
      values: 'at most 32; `abc.*$` is a prefix; empty: everyone',
      handling: honoured(`\`spec.subscribe.${medium.toLowerCase()}.include\`.`),
    },
    {
      ...{ field: `${prefix}SubscribeStreamUserIds.UnSubscribe${medium}UserIds`, type: 'String[]', need: 'optional' },
      values: `at most 32; not together with Subscribe${medium}UserIds`,
      handling: honoured(`\`spec.subscribe.${medium.toLowerCase()}.exclude\`.`),
    },
  ]),
]

const record: TrtcField[] = [
  { ...{ field: 'RecordParams', type: 'Object', need: 'required', values: '' }, handling: honoured('See its members.') },
  {
    ...{ field: 'RecordParams.RecordMode', type: 'Integer', need: 'required', values: '1 single stream, 2 mixed' },
    handling: limited(
      [1],
      'Each user into files of their own. 2: `spec.outputs.mix`, made when all is over, beside each user’s own file: with `MP4ForMix` among the `substitutes` of the key’s grant one MP4 of everybody where StreamType is 0, with `MP3ForMix` one MP3 where it is 1.',
      'a mix (2) is made only as a grant’s substitutes MP4ForMix (StreamType 0) and MP3ForMix (StreamType 1) say',
    ),
  },
  {
    ...{ field: 'RecordParams.MaxIdleTime', type: 'Integer', need: 'optional', values: '5–86400 s, **30**', range: [5, 86_400] },
    handling: honoured('`spec.limits.idleTimeoutSeconds`; 30 where it is not said.'),
  },
  {
    ...{
      field: 'RecordParams.StreamType',
      type: 'Integer',
      need: 'optional',
      values: '**0** audio and video, 1 audio, 2 video',
      range: [0, 2],
    },
    handling: honoured('0: mode `02`. 1: mode `02` with nobody’s picture, an MP4 with sound alone. 2: mode `01`.'),
  },
  ...lists('RecordParams.', 'optional'),
  {
    ...{ field: 'RecordParams.OutputFormat', type: 'Integer', need: 'optional' },
    values: '**0** HLS, 1 HLS and MP4, 2 HLS and AAC, 3 MP4, 4 AAC',
    handling: limited(
      [3],
      'MP4. 0, 1 and none: `spec.live.hls` beside it, HLS of each user as fragmented MP4 (CMAF) with Opus, unless the key’s grant has `substitutes` without `CMAFForTS`: then they are refused. With `MP4ForHLS` among them they are taken as 3. Of RecordMode 2, 4 is taken with `MP3ForMix` where StreamType is 1, and HLS only with `MP4ForHLS`.',
      'AAC by itself (2, 4) is not made here, and HLS (0, 1, and where none is said) only as a grant’s substitutes CMAFForTS or MP4ForHLS say',
    ),
  },
  {
    ...{
      field: 'RecordParams.AvMerge',
      type: 'Integer',
      need: 'optional',
      values: '**0** audio and video apart, 1 in one file',
      range: [0, 1],
    },
    handling: honoured(
      'One file in either case (TrackType `audio_video`), unless the key’s grant has `substitutes` without `OneFileForTwo`: then 0 and none are refused where StreamType is 0.',
    ),
  },
  {
    ...{
      field: 'RecordParams.MaxMediaFileDuration',
      type: 'Integer',
      need: 'optional',
      values: '1–**1440** min',
      range: [1, 1440],
    },
    handling: limited([1440], 'A file ends after 12 hours at the latest.', 'files are not cut by length here; leave it out'),
  },
  {
    ...{ field: 'RecordParams.MediaId', type: 'Integer', need: 'optional', values: '**0** main and sub stream, 1 main, 2 sub' },
    handling: limited(
      [0],
      'Both, each in a file of its own.',
      'main and sub stream are always recorded, each in a file of its own',
    ),
  },
  {
    ...{ field: 'RecordParams.FillType', type: 'Integer', need: 'optional', values: '**0** the last picture, 1 black' },
    handling: limited([0], 'The last picture is held.', 'the last picture is held while a camera is off'),
  },
  {
    ...{
      field: 'RecordParams.SubscribeAbility',
      type: 'Integer',
      need: 'optional',
      values: '**0** without mix-relay robots, 1 with',
    },
    handling: limited([0], 'Robots are not recorded, as far as TRTC shows them to nobody.', 'mix-relay robots are not recorded'),
  },
]

const storage: TrtcField[] = [
  { ...{ field: 'StorageParams', type: 'Object', need: 'required', values: '' }, handling: honoured('See its members.') },
  {
    ...{ field: 'StorageParams.CloudStorage', type: 'Object', need: 'required', values: '' },
    handling: honoured('See its members.'),
  },
  {
    ...{ field: 'StorageParams.CloudStorage.Vendor', type: 'Integer', need: 'required', values: '0 COS, 1 S3' },
    handling: limited([0], 'COS.', 'files go to COS only'),
  },
  {
    ...{ field: 'StorageParams.CloudStorage.Region', type: 'String', need: 'required', values: '' },
    handling: honoured('`spec.cos.region`.'),
  },
  {
    ...{ field: 'StorageParams.CloudStorage.Bucket', type: 'String', need: 'required', values: 'with its `-APPID`' },
    handling: honoured('`spec.cos.bucket`.'),
  },
  {
    ...{
      field: 'StorageParams.CloudStorage.AccessKey',
      type: 'String',
      need: 'required',
      values: 'SecretId of COS',
      longest: 512,
    },
    handling: honoured('Into a Secret that belongs to the Recording (`secretId`).'),
  },
  {
    ...{
      field: 'StorageParams.CloudStorage.SecretKey',
      type: 'String',
      need: 'required',
      values: 'SecretKey of COS',
      longest: 512,
    },
    handling: honoured('Into the same Secret (`secretKey`).'),
  },
  {
    ...{
      field: 'StorageParams.CloudStorage.FileNamePrefix',
      type: 'String[]',
      need: 'optional',
      values: 'each of `A-Z a-z 0-9 _ -`',
    },
    handling: honoured('`spec.cos.path`: `/<prefix>/<prefix>/<TaskId>`.'),
  },
  {
    ...{ field: 'StorageParams.CloudVod', type: 'Any', need: 'optional', values: '' },
    handling: refused('files go to COS, not to VOD'),
  },
]

export const trtcFields: Record<Action, readonly TrtcField[]> = {
  CreateCloudRecording: [
    sdkAppId,
    {
      ...{ field: 'RoomId', type: 'String', need: 'required', values: 'a number as text, or a name' },
      handling: honoured('`spec.roomId` or `spec.strRoomId`, as RoomIdType says.'),
    },
    {
      ...{ field: 'RoomIdType', type: 'Integer', need: 'optional', values: '0 name, **1** number', range: [0, 1] },
      handling: honoured('0: `spec.strRoomId`. 1: `spec.roomId`.'),
    },
    {
      ...{ field: 'UserId', type: 'String', need: 'required', values: '' },
      handling: honoured(
        '`spec.userId`. A second task for the same application, room and user answers with the first one’s TaskId.',
      ),
    },
    {
      ...{ field: 'UserSig', type: 'String', need: 'required', values: '', longest: 8192 },
      handling: honoured('Into a Secret that belongs to the Recording (`userSig`).'),
    },
    ...record,
    ...storage,
    { ...{ field: 'MixTranscodeParams', type: 'Any', need: 'optional', values: '' }, handling: refused(noTranscode) },
    { ...{ field: 'MixLayoutParams', type: 'Any', need: 'optional', values: '' }, handling: refused(noLayout) },
    {
      ...{ field: 'ResourceExpiredHour', type: 'Integer', need: 'optional', values: '6–720, **72**', range: [6, 720] },
      handling: honoured(
        'How long after its start the task can be described, modified and deleted. The recording goes on. Of several calls for one task the longest counts.',
      ),
    },
    {
      ...{ field: 'PrivateMapKey', type: 'Any', need: 'optional', values: '' },
      handling: refused('the recorder enters no room that needs a ticket'),
    },
  ],
  DescribeCloudRecording: [
    sdkAppId,
    taskId,
    {
      ...{ field: 'RecorderKey', type: 'Any', need: 'optional', values: '' },
      handling: refused('is for recordings that were started by CDN relay'),
    },
  ],
  ModifyCloudRecording: [
    sdkAppId,
    taskId,
    { ...{ field: 'MixLayoutParams', type: 'Any', need: 'optional', values: '' }, handling: refused(noLayout) },
    ...lists('', 'optional'),
  ],
  DeleteCloudRecording: [sdkAppId, taskId],
}
