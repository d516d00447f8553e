/** A clip as small as it can be. */
export const leastClip = { recordingRef: { name: 'math' }, from: '90s', to: '2m' }

/** What can never work, each over `leastClip`, with the field that the message has to name. */
export const refusedClips: { what: string; over: object; field: string }[] = [
  { what: 'no Recording', over: { recordingRef: undefined }, field: 'spec.recordingRef' },
  { what: 'a Recording that cannot be', over: { recordingRef: { name: 'Math' } }, field: 'spec.recordingRef.name' },
  {
    what: 'a Recording whose name is longer than one can be',
    over: { recordingRef: { name: 'm'.repeat(53) } },
    field: 'spec.recordingRef.name',
  },
  { what: 'a number', over: { from: '90' }, field: 'spec.from' },
  { what: 'a date without a time', over: { to: '2026-03-01' }, field: 'spec.to' },
  { what: 'a time without a zone', over: { from: '2026-03-01T09:00:00', to: '2026-03-01T09:01:00Z' }, field: 'spec.from' },
  { what: 'a time and an offset', over: { from: '2026-03-01T09:00:00Z' }, field: 'spec.to' },
  { what: 'an end before the beginning', over: { to: '1m' }, field: 'spec.to' },
  { what: 'an end at the beginning', over: { to: '1m30s' }, field: 'spec.to' },
  {
    what: 'an end before the beginning, in other time zones',
    over: { from: '2026-03-01T09:00:00Z', to: '2026-03-01T09:30:00+08:00' },
    field: 'spec.to',
  },
  ...[
    '2026-02-29T09:00:00Z',
    '2026-02-30T09:00:00Z',
    '2100-02-29T09:00:00Z',
    '2026-04-31T09:00:00Z',
    '2026-13-01T09:00:00Z',
    '2026-03-00T09:00:00Z',
    '2026-03-01T24:00:00Z',
    '2026-03-01T23:59:60Z',
    '2026-03-01T09:00:00-24:00',
    '2026-03-01T09:00:00+08:60',
    '0000-03-01T09:00:00Z',
  ].map((from) => ({
    what: `a time that there is not, ${from}`,
    over: { from, to: '2026-03-01T09:00:00Z' },
    field: 'spec.from',
  })),
  { what: 'more hours than can be counted', over: { from: '2562048h', to: '2562049h' }, field: 'spec.from' },
  { what: 'many more hours', over: { from: '99999999999h', to: '1h' }, field: 'spec.from' },
  { what: 'an end that there is not', over: { from: '2026-02-28T23:00:00Z', to: '2026-02-30T00:00:00Z' }, field: 'spec.to' },
  { what: 'an offset with two points', over: { from: '1.5.5s' }, field: 'spec.from' },
  { what: 'less than a millisecond', over: { from: '0s', to: '0.9ms' }, field: 'spec.to' },
  {
    what: 'less than a millisecond, between times',
    over: { from: '2026-03-01T09:00:00.1231Z', to: '2026-03-01T09:00:00.1239Z' },
    field: 'spec.to',
  },
  { what: 'more than three hours', over: { to: '3h1m31s' }, field: 'spec.to' },
  { what: 'a user pattern of another kind', over: { users: ['student_*'] }, field: 'spec.users[0]' },
  { what: 'no stream', over: { streams: [] }, field: 'spec.streams' },
  { what: 'a stream there is not', over: { streams: ['screen'] }, field: 'spec.streams[0]' },
  { what: 'a word for exact', over: { exact: 'yes' }, field: 'spec.exact' },
  { what: 'a callback without an address', over: { callback: {} }, field: 'spec.callback.url' },
  {
    what: 'a callback to what cannot be called',
    over: { callback: { url: 'http://example.com:99999/x' } },
    field: 'spec.callback.url',
  },
  {
    what: 'a signing key without a name',
    over: { callback: { url: 'https://example.com/clips', signingKeySecretRef: {} } },
    field: 'spec.callback.signingKeySecretRef.name',
  },
  { what: 'a time to live below 0', over: { ttlSecondsAfterFinished: -1 }, field: 'spec.ttlSecondsAfterFinished' },
]

export const acceptedClips: { what: string; over: object }[] = [
  {
    what: 'a signed callback',
    over: { callback: { url: 'https://example.com/clips?t=1', signingKeySecretRef: { name: 'signing' } } },
  },
  { what: 'offsets with fractions', over: { from: '0s', to: '1m2.5s' } },
  { what: 'offsets in milliseconds', over: { from: '0.5h', to: '30m1ms' } },
  { what: 'times with fractions and a zone', over: { from: '2026-03-01T09:00:00.250Z', to: '2026-03-01T17:00:01+08:00' } },
  { what: 'a Recording with a name as long as can be', over: { recordingRef: { name: 'm'.repeat(52) } } },
  { what: 'that nothing be hidden', over: { exact: true } },
  ...['2028-02-29T09:00:00Z', '2000-02-29T23:59:59.999Z', '2026-12-31T00:00:00+14:00'].map((from) => ({
    what: `a time as rare as ${from}`,
    over: { from, to: new Date(Date.parse(from) + 1).toISOString() },
  })),
  { what: 'a millisecond in fractions', over: { from: '1.1s', to: '1.101s' } },
  { what: 'as many of each unit as there may be', over: { from: '99999h9999999m999999999s', to: '99999h9999999m999999999s1ms' } },
  { what: 'three hours', over: { from: '1h', to: '4h' } },
  { what: 'everything', over: { users: ['alice', 'student_.*$'], streams: ['aux'], exact: false, ttlSecondsAfterFinished: 0 } },
]
