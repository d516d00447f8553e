/**
 * The server's own code of a refusal. The wrapper negates codes beginning with 70 and turns -8 (no such application) into -70252;
 * of all others only the text of the error says something.
 */
export function refusalCode(wrapperCode: number | undefined, text: string): number | undefined {
  if (wrapperCode === -70252) return -8
  if (wrapperCode !== undefined && wrapperCode <= -70000 && wrapperCode > -80000) return -wrapperCode
  const inText = /\b(700\d\d)\b/.exec(text)?.[1] ?? /code:? ?(-?\d{1,6})\b/i.exec(text)?.[1]
  return inText === undefined || Number(inText) === 0 ? undefined : Number(inText)
}
