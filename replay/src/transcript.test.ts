import { describe, expect, test } from 'vitest'
import { readTranscript, saidAt } from './transcript.ts'

const zero = Date.parse('2026-01-01T08:00:00.000Z')
const vtt = `WEBVTT - made elsewhere

STYLE
::cue { color: red }

NOTE this is said to nobody

1
00:01.500 --> 00:02.000 align:start
<v.loud Alice &amp; Bob>Hello <i>all</i>

01:00:00.000 --> 01:00:01.000
no name,
two lines

00:00:09.000 --> 00:00:08.000
ends before it begins
`

describe('a transcript', () => {
  test('has each cue with its voice and without marks, wherever the recording began', () => {
    expect(readTranscript(vtt, zero)).toEqual([
      { start: zero + 1500, end: zero + 2000, who: 'Alice & Bob', text: 'Hello all' },
      { start: zero + 3_600_000, end: zero + 3_601_000, who: '', text: 'no name, two lines' },
    ])
  })

  test('may say itself when its zero is', () => {
    const [cue] = readTranscript('WEBVTT\n\nNOTE 00:00:00.000 is 2026-01-01T09:00:00.000Z\n\n00:01.000 --> 00:02.000\nhi\n', zero)
    expect(cue!.start).toBe(zero + 3_601_000)
  })

  test('with a mark in front and lines of Windows is one, and an error page is none', () => {
    expect(readTranscript('\ufeffWEBVTT\r\n\r\n00:01.000 --> 00:02.000\r\nhi\r\n', 0)).toHaveLength(1)
    expect(readTranscript('<html>WEBVTT</html>', 0)).toEqual([])
    expect(readTranscript('', 0)).toEqual([])
  })

  test('says what is being said, by all who speak', () => {
    const cues = [
      { start: 0, end: 10, who: 'alice', text: 'yes' },
      { start: 5, end: 9, who: '', text: 'no' },
    ]
    expect(saidAt(cues, 7)).toBe('alice: yes\nno')
    expect(saidAt(cues, 10)).toBe('')
  })
})
