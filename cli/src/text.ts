/** What others wrote, in one line, and without what a terminal would obey: letters that are not seen may turn round what stands beside them. What another release does not write is empty. */
export const oneLine = (text: string | undefined) =>
  String(text ?? '')
    .replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu, ' ')
    .trim()

/** Columns as wide as their widest cell, two blanks between. */
export function table(cells: readonly (readonly string[])[]): string[] {
  const rows = cells.map((row) => row.map(oneLine))
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** `1.2 MB`, with powers of 1000; `?` where nobody says. */
export function bytes(count: number | undefined): string {
  if (!isKnown(count)) return '?'
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3))
  return `${power === 0 ? count : (count / 1000 ** power).toFixed(1)} ${units[power]}`
}

/** `1 h 02 min`, `12 min 05 s`, `7 s`; `?` where nobody says. */
export function duration(seconds: number | undefined): string {
  if (!isKnown(seconds)) return '?'
  const whole = Math.max(0, Math.round(seconds))
  const [h, min, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  const two = (value: number) => String(value).padStart(2, '0')
  if (h > 0) return `${h} h ${two(min)} min`
  return min > 0 ? `${min} min ${two(s)} s` : `${s} s`
}

/** `2026-03-01 09:00:03` in UTC. */
export const time = (iso: string) => iso.slice(0, 19).replace('T', ' ')

const isKnown = (count: number | undefined): count is number => typeof count === 'number' && Number.isFinite(count)
