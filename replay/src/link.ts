/** A place in a recording: `#t=83.5&u=alice` is a second of the recording and whom to show; with `&s=aux` their screen. */
export interface Place {
  seconds: number | undefined
  userId: string | undefined
  isScreen: boolean
}

export function placeOf(hash: string): Place {
  const values = new URLSearchParams(hash.replace(/^#/, ''))
  const seconds = secondsOf(values.get('t') ?? '')
  const userId = values.get('u')
  return { seconds, userId: userId === null || userId === '' ? undefined : userId, isScreen: values.get('s') === 'aux' }
}

export function hashOf({ seconds, userId, isScreen }: Place): string {
  const values = new URLSearchParams()
  if (seconds !== undefined) values.set('t', String(Math.round(seconds * 10) / 10))
  if (userId !== undefined) values.set('u', userId)
  if (isScreen) values.set('s', 'aux')
  return `#${values}`
}

/** `90`, `90.5`, `1:30`, `1:02:03`; undefined for anything else. */
function secondsOf(text: string): number | undefined {
  if (!/^\d+(:\d{1,2}){0,2}(\.\d+)?$/.test(text)) return undefined
  return text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
}

/** `1:02:03` or `2:03`. */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}
