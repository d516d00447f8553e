import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { aptOptions, aptSources, deb822Lines, oneLineEntries } from './apt-sources.ts'

describe('where the base image gets its packages', () => {
  it("is where this machine's sources.list gets those of the same release, from whatever mirror", () => {
    const text = `# comment
deb [signed-by=/usr/share/keyrings/x.gpg arch=amd64] http://mirror.test/debian bookworm main contrib
deb-src http://mirror.test/debian bookworm main
deb http://mirror.test/security bookworm-security main # updates
deb http://mirror.test/debian trixie main
deb http://tools.test/apt stable main`
    expect(oneLineEntries(text)).toEqual([
      'deb http://mirror.test/debian bookworm main',
      'deb http://mirror.test/security bookworm-security main',
    ])
  })

  it('understands the deb822 format: several suites, comments, entries switched off', () => {
    const text = `Types: deb deb-src
# a comment
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main non-free-firmware
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://off.test/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://mirror.test/security
Suites:
 bookworm-security
Components: main`
    expect(deb822Lines(text)).toEqual([
      'deb http://mirror.test/debian bookworm main',
      'deb http://mirror.test/debian bookworm-updates main',
      'deb http://mirror.test/security bookworm-security main',
    ])
  })

  it('is reached the way this machine reaches it, and takes over nothing else', () => {
    const dump = `APT::Architecture "amd64";
Acquire::http::Proxy "http://proxy.test:3128";
Acquire::https::Proxy "";
Acquire::Check-Date "false";
DPkg::Post-Invoke:: "rm -f /x";`
    expect(aptOptions(dump)).toEqual(['Acquire::http::Proxy "http://proxy.test:3128";', 'Acquire::Check-Date "false";'])
  })
})

test('a machine without sources for the release is told which are missing', () => {
  const directory = mkdtempSync(join(tmpdir(), 'apt-'))
  writeFileSync(join(directory, 'sources.list'), 'deb http://mirror.test/debian bookworm main\n')
  expect(() => aptSources(directory)).toThrow('no source for bookworm-security')
  writeFileSync(
    join(directory, 'sources.list'),
    'deb http://mirror.test/debian bookworm main\ndeb http://mirror.test/s bookworm-security main\n',
  )
  expect(aptSources(directory)).toEqual([
    'deb http://mirror.test/debian bookworm main',
    'deb http://mirror.test/s bookworm-security main',
  ])
  rmSync(directory, { recursive: true })
})
