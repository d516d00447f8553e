import { rename, rm, writeFile } from 'node:fs/promises'

/** Whole or not at all, as far as this process can be killed. */
export const writeWhole = (path: string, data: Uint8Array): Promise<void> =>
  replaceWith(path, `${path}.tmp`, () => writeFile(`${path}.tmp`, data))

/** Puts a file at the place of another once it is written. Where that fails nothing of it stays: on a volume that is full it would be in the way of what is tried next. */
export async function replaceWith(path: string, temporary: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}
