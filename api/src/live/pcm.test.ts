import { expect, test } from 'vitest'
import { pcmSchema } from './pcm.ts'

test.each([
  'wss://asr.example/listen?user={userId}&room={room}&stream={stream}&of={recording}',
  'ws://10.0.0.7:8080',
  'wss://[2001:db8::7]:8443/{userId}',
  'wss://asr.example?user={userId}',
])('%s is an address for live sound', (url) => expect(pcmSchema.safeParse({ url }).success).toBe(true))

test.each([
  ['https://asr.example/', 'another scheme'],
  ['wss://{userId}.example/', 'a placeholder in the host'],
  ['wss://asr.example/{user}', 'a placeholder that nobody knows'],
  ['wss://asr.example/{userId', 'half a placeholder'],
  ['wss://user:secret@asr.example/', 'a user, which the header of authorizationSecretRef is for'],
  ['wss://asr.example:99999/', 'a port that is none'],
  ['wss://asr.example/#part', 'a fragment, which no server is sent'],
])('%s is none: %s', (url) => {
  const { error } = pcmSchema.safeParse({ url })
  expect(error?.issues[0]?.message).toContain('must be ws:// or wss://')
})
