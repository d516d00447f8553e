import { z } from 'zod'
import { matching, ruled } from './rules.ts'

/** Hours of days in a time zone, with its summer time. */

export const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const
export type Weekday = (typeof weekdays)[number]

/** As the API server judges it, which knows the IANA database by itself. */
const isTimeZone = (name: string) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

const timeZoneSchema = ruled(
  matching(
    z.string().min(1).max(64),
    /^(UTC|[A-Za-z_]+(\/[A-Za-z0-9_+-]+)+)$/,
    'must be a time zone of the IANA database, such as Asia/Shanghai, or UTC',
  ),
  isTimeZone,
  {
    rule: "timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0",
    message: 'must be a time zone of the IANA database, such as Asia/Shanghai, or UTC',
  },
)

const timeOfDay = (most: string, pattern: RegExp) =>
  matching(z.string().max(5), pattern, `must be a time of the day from 00:00 to ${most}`)

const windowSchema = ruled(
  z.object({
    days: z
      .array(z.enum(weekdays))
      .min(1)
      .max(7)
      .default([...weekdays])
      .describe('Days on which it begins: `Mon` to `Sun`. Every day, where it is not set.'),
    from: timeOfDay('23:59', /^([01][0-9]|2[0-3]):[0-5][0-9]$/).describe('From this time of the day on, such as `08:00`.'),
    to: timeOfDay('24:00', /^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/).describe(
      'Until before this time of the day. Earlier than `from`: of the next day.',
    ),
  }),
  ({ from, to }) => from !== to,
  { rule: 'self.from != self.to', message: 'must be another time than from; a whole day is 00:00 to 24:00', fieldPath: '.to' },
)

export const scheduleSchema = z.object({
  timeZone: timeZoneSchema.describe('Time zone of the IANA database, such as `Asia/Shanghai`.'),
  windows: z.array(windowSchema).min(1).max(16).describe('Within any of them.'),
})
export type Schedule = z.infer<typeof scheduleSchema>

/** Whether a moment is within one of the windows. */
export function isScheduled({ timeZone, windows }: Schedule, moment: Date): boolean {
  const { day, time } = localTime(timeZone, moment)
  const yesterday = weekdays[(weekdays.indexOf(day) + 6) % 7]!
  return windows.some(({ days, from, to }) => {
    if (from < to) return days.includes(day) && from <= time && time < to
    return (days.includes(day) && from <= time) || (days.includes(yesterday) && time < to)
  })
}

/** Formats are dear to make, and zones are few. */
const formats = new Map<string, Intl.DateTimeFormat>()

function localTime(timeZone: string, moment: Date): { day: Weekday; time: string } {
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    })
    formats.set(timeZone, format)
  }
  const parts = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, value]))
  return { day: parts.weekday as Weekday, time: `${parts.hour}:${parts.minute}` }
}
