import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { findChromium, launchChromium } from './chromium.ts'

/** A server whose certificate only the company's own authority has signed, as in a network that looks into TLS. */
const folder = mkdtempSync(join(tmpdir(), 'authority-'))
const file = (name: string) => join(folder, name)
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
let server: ReturnType<typeof createServer>
let address: string
beforeAll(async () => {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=company',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  )
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr')
  writeFileSync(file('names'), 'subjectAltName=DNS:localhost')
  const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names', '-out', 'server.crt']
  openssl('x509', '-req', '-in', 'server.csr', ...signed)
  const page = '<script>window.look = () => "seen"</script>'
  server = createServer({ key: readFileSync(file('server.key')), cert: readFileSync(file('server.crt')) }, (_, response) =>
    response.setHeader('content-type', 'text/html').end(page),
  )
  await new Promise<void>((resolve) => server.listen(0, resolve))
  address = `https://localhost:${(server.address() as AddressInfo).port}/`
})
afterAll(() => {
  server?.close()
  server?.closeAllConnections()
  rmSync(folder, { recursive: true })
})
afterEach(() => {
  delete process.env.NODE_EXTRA_CA_CERTS
})

async function open(): Promise<void> {
  const chromium = await launchChromium(findChromium(process.env), [])
  try {
    await chromium.open(address, { function: 'look', argument: '' })
  } finally {
    await chromium.kill()
  }
}

test('Chromium refuses a company’s own authority, and trusts it where the CA bundle has it', async () => {
  await expect(open()).rejects.toThrow('ERR_CERT_AUTHORITY_INVALID')
  // A bundle holds several as a rule.
  writeFileSync(
    file('bundle.crt'),
    `# ours\n${readFileSync(file('server.crt'), 'utf8')}\n${readFileSync(file('ca.crt'), 'utf8')}`,
  )
  process.env.NODE_EXTRA_CA_CERTS = file('bundle.crt')
  await open()
})

test.each([
  ['is not there', 'missing.crt', /CA bundle for Chromium cannot be read: ENOENT/],
  ['holds no certificate', 'names', /holds no certificate in PEM/],
  ['holds a broken one', 'broken.crt', /cannot be given the CA bundle: certutil says/],
])('a bundle that %s keeps it from starting, and says so', async (_, name, message) => {
  writeFileSync(file('broken.crt'), '-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n')
  process.env.NODE_EXTRA_CA_CERTS = file(name)
  await expect(open()).rejects.toThrow(message)
})

describe('a certutil that hangs', () => {
  const stub = () => {
    const home = mkdtempSync(file('home-'))
    writeFileSync(join(home, 'certutil'), `#!/bin/sh\necho $$ > ${home}/pid\nexec sleep 600\n`, { mode: 0o755 })
    return { home, path: `${home}:${process.env.PATH}` }
  }
  const trust = (home: string) =>
    `import('${join(import.meta.dirname, 'trusted-authorities.ts')}').then((it) => it.trustAuthorities('${home}', '${file('ca.crt')}', 2))`
  const run = (code: string, path: string) => spawn(process.execPath, ['-e', code], { env: { ...process.env, PATH: path } })

  test('is told of', async () => {
    const { home, path } = stub()
    const child = run(trust(home), path)
    expect(await text(child.stderr)).toContain('cannot be given the CA bundle: certutil did not end within 2 s')
  })

  test('does not outlive a recorder that was killed', async () => {
    const { home, path } = stub()
    const child = run(trust(home), path)
    const pidOf = () => {
      const pid = existsSync(join(home, 'pid')) ? readFileSync(join(home, 'pid'), 'utf8').trim() : ''
      if (pid === '') throw new Error('certutil has not begun')
      return pid
    }
    const pid = await vi.waitFor(pidOf, { timeout: 20_000 })
    child.kill('SIGKILL')
    await vi.waitFor(() => expect(existsSync(`/proc/${pid}`)).toBe(false), { timeout: 20_000 })
  })
})
