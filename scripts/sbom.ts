/**
 * Writes what an image is made of as a CycloneDX 1.6 bill of materials, from inside the image while it is built:
 *
 *     node scripts/sbom.ts <name> <version> <packages.json> [<sources.json>] > /usr/share/sbom/<name>.cdx.json
 *
 * `packages.json`: an array of {name, version, license}, the npm packages that were bundled. Debian's come from dpkg, Node from the one that runs this.
 * `sources.json`: an array of {name, version, architecture: "source"}, Debian's source packages of which something was built in.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface NpmPackage {
  name: string
  version: string
  license: string
}

export interface DebianPackage {
  name: string
  version: string
  architecture: string
}

export interface Contents {
  name: string
  version: string
  /** Without the leading v. */
  nodeVersion: string
  npm: readonly NpmPackage[]
  debian: readonly DebianPackage[]
}

/** The document. Without time and serial number, so that the same contents make the same bytes. */
export function billOfMaterials({ name, version, nodeVersion, npm, debian }: Contents): object {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'container', name, version } },
    components: [
      component('application', 'node', nodeVersion, `pkg:generic/node@${nodeVersion}`),
      ...npm.map((one) => ({
        ...component('library', one.name, one.version, `pkg:npm/${one.name.replace('@', '%40')}@${one.version}`),
        // An expression is of SPDX; what is none of those is only a name.
        licenses: /^[\w.+-]+$/.test(one.license) ? [{ license: { name: one.license } }] : [{ expression: one.license }],
      })),
      ...debian.map((one) =>
        component(
          'library',
          one.name,
          one.version,
          `pkg:deb/debian/${one.name}@${encodeURIComponent(one.version)}?arch=${one.architecture}`,
        ),
      ),
    ],
  }
}

const component = (type: string, name: string, version: string, purl: string) => ({ type, name, version, 'bom-ref': purl, purl })

/** Reads what `dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n'` says; what is not installed is left out. */
export function debianPackages(text: string): DebianPackage[] {
  return text
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(([, , , status]) => status === 'installed')
    .map(([name, version, architecture]) => ({ name: name!, version: version!, architecture: architecture! }))
}

if (process.argv[1] === import.meta.filename) {
  const [name, version, packages, sources] = process.argv.slice(2)
  if (name === undefined || version === undefined || packages === undefined) {
    console.error('Usage: node scripts/sbom.ts <name> <version> <packages.json> [<sources.json>]')
    process.exit(2)
  }
  const fields = '$' + '{Package}\t$' + '{Version}\t$' + '{Architecture}\t$' + '{db:Status-Status}\n'
  const contents = {
    name,
    version,
    nodeVersion: process.versions.node,
    npm: JSON.parse(readFileSync(packages, 'utf8')) as NpmPackage[],
    debian: [
      ...debianPackages(execFileSync('dpkg-query', ['--show', `--showformat=${fields}`], { encoding: 'utf8' })),
      ...(sources === undefined ? [] : (JSON.parse(readFileSync(sources, 'utf8')) as DebianPackage[])),
    ],
  }
  process.stdout.write(`${JSON.stringify(billOfMaterials(contents), undefined, 1)}\n`)
}
