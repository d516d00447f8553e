import { describe, expect, test } from 'vitest'
import { billOfMaterials, debianPackages } from './sbom.ts'

const contents = {
  name: 'recorder',
  version: '1.2.3',
  nodeVersion: '24.0.0',
  npm: [
    { name: '@scope/tool', version: '1.0.0', license: 'MIT' },
    { name: 'both', version: '2.0.0', license: '(MIT OR Apache-2.0)' },
  ],
  debian: [{ name: 'libc6', version: '1:2.36-9', architecture: 'amd64' }],
}

describe('the bill of materials of an image', () => {
  test('names each part by its package URL, Node and Debian included', () => {
    const { components } = billOfMaterials(contents) as { components: { purl: string }[] }
    expect(components.map(({ purl }) => purl)).toEqual([
      'pkg:generic/node@24.0.0',
      'pkg:npm/%40scope/tool@1.0.0',
      'pkg:npm/both@2.0.0',
      'pkg:deb/debian/libc6@1%3A2.36-9?arch=amd64',
    ])
  })

  test('tells a license from an expression of several', () => {
    const { components } = billOfMaterials(contents) as { components: { licenses?: object[] }[] }
    expect(components.map(({ licenses }) => licenses)).toEqual([
      undefined,
      [{ license: { name: 'MIT' } }],
      [{ expression: '(MIT OR Apache-2.0)' }],
      undefined,
    ])
  })

  test('has what is installed, not what was purged', () => {
    expect(debianPackages('tini\t0.19\tamd64\tinstalled\nllvm\t15\tamd64\tconfig-files\n')).toEqual([
      { name: 'tini', version: '0.19', architecture: 'amd64' },
    ])
  })
})
