/**
 * The callback body of the serverless template, written from its documentation by hand: what receivers were built for. It shares nothing
 * with api/, which must agree with it.
 */
export const callbackContract = {
  type: 'object',
  additionalProperties: false,
  required: ['SdkAppId', 'RoomId', 'UserId', 'StrRoomId', 'Files'],
  properties: {
    SdkAppId: { type: 'string', pattern: '^[1-9][0-9]*$' },
    RoomId: { type: 'string', pattern: '^([1-9][0-9]*)?$' },
    UserId: { type: 'string', minLength: 1 },
    StrRoomId: { type: 'string' },
    Files: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['UserId', 'RecordFile', 'Status', 'Message'],
        properties: {
          UserId: { type: 'string', minLength: 1 },
          RecordFile: { type: 'string', pattern: '^https?://.+' },
          Status: { type: 'integer', enum: [0, 1] },
          Message: { type: 'string' },
        },
      },
    },
  },
} as const

/** Written in this order. */
export const callbackOrder = {
  body: ['SdkAppId', 'RoomId', 'UserId', 'StrRoomId', 'Files'],
  file: ['UserId', 'RecordFile', 'Status', 'Message'],
} as const
