import { rename, writeFile } from 'node:fs/promises'

/** Whole or not at all, as far as this process can be killed. */
export async function writeWhole(path: string, data: Uint8Array): Promise<void> {
  await writeFile(`${path}.tmp`, data)
  await rename(`${path}.tmp`, path)
}
