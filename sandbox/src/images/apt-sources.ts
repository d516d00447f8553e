import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The Debian release of the images. */
export const release = 'bookworm'

/**
 * The lines of sources.list with which this machine itself reaches Debian's archive, mirrors included, so that images can be built wherever
 * the machine can install packages. Throws if it has none for the release or its security suite, where Chromium comes from.
 */
export function aptSources(directory = '/etc/apt'): string[] {
  const parts = join(directory, 'sources.list.d')
  const files = [
    join(directory, 'sources.list'),
    ...(existsSync(parts) ? readdirSync(parts).sort() : []).map((name) => join(parts, name)),
  ]
  const lines = files.filter(existsSync).flatMap((file) => {
    const text = readFileSync(file, 'utf8')
    return file.endsWith('.sources') ? deb822Lines(text) : oneLineEntries(text)
  })
  const suites = new Set(lines.map((line) => line.split(' ')[2]))
  const missing = [release, `${release}-security`].filter((suite) => !suites.has(suite))
  if (missing.length > 0) {
    throw new Error(
      `The images are made of Debian ${release}, and apt on this machine has no source for ${missing.join(' and ')}. Add one below ${directory}.`,
    )
  }
  return lines
}

/** Entries for the release's suites in the one-line format, options dropped: keys of the base are Debian's own. */
export function oneLineEntries(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line)
    return match ? wanted(match[1]!, match[2]!, match[3]!.trim().split(/\s+/)) : []
  })
}

/** The same of the deb822 format: paragraphs of fields, each URI with each suite. */
export function deb822Lines(text: string): string[] {
  return text.split(/\n\s*\n/).flatMap((paragraph) => {
    const fields = new Map<string, string>()
    let name = ''
    for (const line of paragraph.split('\n')) {
      if (line.startsWith('#')) continue
      const field = /^([A-Za-z-]+):(.*)$/.exec(line)
      if (field) name = field[1]!.toLowerCase()
      if (name !== '') fields.set(name, `${fields.get(name) ?? ''} ${field ? field[2] : line}`)
    }
    const words = (key: string) => (fields.get(key) ?? '').split(/\s+/).filter((word) => word !== '')
    if (!words('types').includes('deb') || words('enabled').includes('no')) return []
    return words('uris').flatMap((uri) => words('suites').flatMap((suite) => wanted(uri, suite, words('components'))))
  })
}

function wanted(uri: string, suite: string, components: readonly string[]): string[] {
  const suites = [release, `${release}-updates`, `${release}-security`]
  return suites.includes(suite) && components.includes('main') ? [`deb ${uri} ${suite} main`] : []
}

/** How this machine's apt reaches the servers (proxies, checks that are switched off), as lines of apt.conf. */
export function aptOptions(dump = aptConfiguration()): string[] {
  const names = /^Acquire::(https?::.*Proxy.*|https?::Verify-.*|Check-Valid-Until|Check-Date) "[^"]+";$/i
  return dump.split('\n').filter((line) => names.test(line))
}

function aptConfiguration(): string {
  return execFileSync('apt-config', ['dump', '--format', '%f "%v";%n'], { encoding: 'utf8' })
}
