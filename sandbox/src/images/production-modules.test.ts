import { describe, expect, it } from 'vitest'
import { requiredPlaces } from '../../../scripts/production-modules.ts'

const api = {
  api: { dependencies: { zod: '4' } },
  'node_modules/@trtc-recorder/api': { resolved: 'api', link: true },
  'node_modules/zod': {},
}

describe('what an image gets of node_modules', () => {
  it('is what the workspace and the shared words depend on, at any depth, and no tool', () => {
    const packages = {
      ...api,
      operator: { dependencies: { a: '1' }, devDependencies: { tool: '1' } },
      'node_modules/a': { dependencies: { b: '1' } },
      'node_modules/b': { dependencies: { a: '1' } },
      'node_modules/tool': {},
      'node_modules/node': {},
      'node_modules/other': {},
    }
    const at = (withBuild: boolean) => requiredPlaces(packages, 'operator', { withBuild })
    expect(at(false)).toEqual(['node_modules/@trtc-recorder/api', 'node_modules/a', 'node_modules/b', 'node_modules/zod'])
    expect(at(true)).toEqual([...at(false), 'node_modules/tool', 'node_modules/node'].sort())
  })

  it('finds a package where Node would: nearest first', () => {
    const packages = {
      ...api,
      operator: { dependencies: { a: '1', b: '1' } },
      'node_modules/a': { dependencies: { b: '2' } },
      'node_modules/b': {},
      'node_modules/a/node_modules/b': { dependencies: { c: '1' } },
      'node_modules/c': {},
      'operator/node_modules/b': {},
    }
    const places = requiredPlaces(packages, 'operator', { withBuild: false })
    expect(places).toContain('node_modules/a/node_modules/b')
    expect(places).toContain('operator/node_modules/b')
    expect(places).not.toContain('node_modules/b')
  })

  it('says which package is missing and for whom, unless it is optional', () => {
    const missing = { ...api, operator: { dependencies: { gone: '1' } } }
    expect(() => requiredPlaces(missing, 'operator', { withBuild: false })).toThrow('no gone, which operator needs')
    const optional = { ...api, operator: { optionalDependencies: { gone: '1' } } }
    expect(requiredPlaces(optional, 'operator', { withBuild: false })).toHaveLength(2)
    expect(() => requiredPlaces(api, 'nowhere', { withBuild: false })).toThrow('no workspace nowhere')
  })
})
