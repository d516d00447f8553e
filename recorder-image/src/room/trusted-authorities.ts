import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Has a Chromium whose home is `home` trust the authorities in `bundle` (a PEM file, as NODE_EXTRA_CA_CERTS names it for Node) beside its own. On
 * Linux it takes them from nowhere but a database of NSS in its home. Throws where the file cannot be read, holds no certificate, or `certutil` (Debian's
 * libnss3-tools) is missing or refuses one.
 */
export async function trustAuthorities(home: string, bundle: string): Promise<void> {
  const text = await readFile(bundle, 'utf8').catch((error: Error) => {
    throw new Error(`The CA bundle for Chromium cannot be read: ${error.message}`)
  })
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  if (certificates.length === 0)
    throw new Error(`The CA bundle ${bundle} holds no certificate in PEM; put one there, or leave caBundle out`)
  const database = join(home, '.pki/nssdb')
  await mkdir(database, { recursive: true })
  await certutil(database, ['-N', '--empty-password'])
  const commands: string[] = []
  for (const [at, certificate] of certificates.entries()) {
    await writeFile(join(database, `${at}.pem`), `${certificate}\n`)
    // Trusted for servers, and for nothing else.
    commands.push(`-A -t C,, -n authority-${at} -i ${at}.pem`)
  }
  // All in one process: one for each of the 144 of a usual bundle took 2 s of the start.
  await writeFile(join(database, 'commands'), `${commands.join('\n')}\n`)
  await certutil(database, ['-B', '-i', 'commands'])
}

async function certutil(database: string, args: readonly string[]): Promise<void> {
  try {
    await run('certutil', ['-d', `sql:${database}`, ...args], { cwd: database })
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string }
    const why = code === 'ENOENT' ? 'certutil is missing (Debian: libnss3-tools)' : `certutil says ${stderr?.trim()}`
    throw new Error(`Chromium cannot be given the CA bundle: ${why}`)
  }
}
