/**
 * Fields of the serverless template “TRTC single-stream recording”, once: what becomes of each. The body's check, the names in errors and the table
 * in docs/migrating.md come from here.
 */
export interface TemplateField {
  field: string
  type: 'integer' | 'string' | 'object'
  need: 'required' | 'one of RoomId and StrRoomId' | 'optional'
  /** Path in a Recording's spec, and with it the check. */
  spec?: string
  /** What is done with it. */
  here: string
}

export const templateFields: readonly TemplateField[] = [
  {
    field: 'SdkAppId',
    type: 'integer',
    need: 'required',
    spec: 'sdkAppId',
    here: 'The application. Also says under which grant of the caller it is recorded.',
  },
  {
    field: 'RoomId',
    type: 'integer',
    need: 'one of RoomId and StrRoomId',
    spec: 'roomId',
    here: 'Room with a number. Wins where both are given. `"123"` is a string, and refused: rooms `123` and `"123"` are different ones.',
  },
  {
    field: 'StrRoomId',
    type: 'string',
    need: 'one of RoomId and StrRoomId',
    spec: 'strRoomId',
    here: 'Room with a name. Not looked at where RoomId is given.',
  },
  { field: 'UserId', type: 'string', need: 'required', spec: 'userId', here: 'The recorder’s own user.' },
  {
    field: 'UserSig',
    type: 'string',
    need: 'required',
    spec: 'userSigSecretRef',
    here: 'Goes into a Secret that belongs to the Recording and goes with it.',
  },
  {
    field: 'CosConfig',
    type: 'object',
    need: 'required',
    spec: 'cos',
    here: 'Where the files go. Its members may also be written with a small first letter.',
  },
  {
    field: 'CosConfig.SecretId',
    type: 'string',
    need: 'optional',
    spec: 'cos.credentialsSecretRef',
    here: 'Together with SecretKey, into the same Secret. Without the two: the Secret that the caller’s grant names, else the role of the recorder’s Pod.',
  },
  { field: 'CosConfig.SecretKey', type: 'string', need: 'optional', here: 'See SecretId.' },
  { field: 'CosConfig.Region', type: 'string', need: 'required', spec: 'cos.region', here: 'Region of the bucket.' },
  { field: 'CosConfig.Bucket', type: 'string', need: 'required', spec: 'cos.bucket', here: 'Bucket with its `-APPID`.' },
  {
    field: 'CosConfig.Path',
    type: 'string',
    need: 'required',
    spec: 'cos.path',
    here: 'Folder, such as `/test`; `/` is the root.',
  },
  {
    field: 'Callback',
    type: 'string',
    need: 'optional',
    spec: 'callback.url',
    here: 'Gets the result by POST; the body is the template’s.',
  },
  {
    field: 'Mode',
    type: 'string',
    need: 'optional',
    spec: 'mode',
    here: '`00` audio as MP3 (default), `01` video as MP4, `02` both as MP4. `10`, `11`, `12` are the mixing template’s, and refused.',
  },
]

/** The template's word for a path in a spec, or for what is below it; undefined for what a request cannot say. */
export function templateFieldOf(path: string): string | undefined {
  const exact = templateFields.find(({ spec }) => spec === path)
  if (exact !== undefined) return exact.field
  return templateFields.find(({ spec }) => spec !== undefined && spec !== 'cos' && path.startsWith(`${spec}.`))?.field
}
