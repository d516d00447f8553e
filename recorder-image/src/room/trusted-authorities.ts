import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** 144 authorities take 0.3 s. It goes round for ever where its database is taken away, as by the next recorder when this one was killed. */
const longestSeconds = 20

/**
 * Has a Chromium whose home is `home` trust the authorities in `bundle` (a PEM file, as NODE_EXTRA_CA_CERTS names it for Node) beside its own. On
 * Linux it takes them from nowhere but a database of NSS in its home. Throws where the file cannot be read, holds no certificate, or `certutil` (Debian's
 * libnss3-tools) is missing, refuses one or hangs.
 */
export async function trustAuthorities(home: string, bundle: string, seconds = longestSeconds): Promise<void> {
  const text = await readFile(bundle, 'utf8').catch((error: Error) => {
    throw new Error(`The CA bundle for Chromium cannot be read: ${error.message}`)
  })
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  if (certificates.length === 0)
    throw new Error(`The CA bundle ${bundle} holds no certificate in PEM; put one there, or leave caBundle out`)
  const database = join(home, '.pki/nssdb')
  await mkdir(database, { recursive: true })
  await certutil(database, seconds, ['-N', '--empty-password'])
  const commands: string[] = []
  for (const [at, certificate] of certificates.entries()) {
    await writeFile(join(database, `${at}.pem`), `${certificate}\n`)
    // Trusted for servers, and for nothing else.
    commands.push(`-A -t C,, -n authority-${at} -i ${at}.pem`)
  }
  // All in one process: one for each of the 144 of a usual bundle took 2 s of the start.
  await writeFile(join(database, 'commands'), `${commands.join('\n')}\n`)
  await certutil(database, seconds, ['-B', '-i', 'commands'])
}

/** By `timeout`, which ends it when nobody waits for it any more, too. */
async function certutil(database: string, seconds: number, args: readonly string[]): Promise<void> {
  try {
    await run('timeout', ['--signal=KILL', String(seconds), 'certutil', '-d', `sql:${database}`, ...args], { cwd: database })
  } catch (error) {
    const { code, signal, stderr } = error as { code: number | string | null; signal: string | null; stderr: string }
    const missing = { ENOENT: 'timeout is missing (Debian: coreutils)', 127: 'certutil is missing (Debian: libnss3-tools)' }[
      code ?? ''
    ]
    const why = signal === null ? (missing ?? `certutil says ${stderr.trim()}`) : `certutil did not end within ${seconds} s`
    throw new Error(`Chromium cannot be given the CA bundle: ${why}`)
  }
}
