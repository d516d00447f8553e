import { readFile } from 'node:fs/promises'
import { evaluate } from '@marcbachmann/cel-js'
import { clipKind, kind, policyKind } from '@trtc-recorder/api'
import fengari from 'fengari'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { clipStates, policyStates, type State, states } from './states.ts'

const { lua, lauxlib, lualib, to_luastring, to_jsstring } = fengari
const read = (name: string) => readFile(new URL(`../../examples/gitops/${name}`, import.meta.url), 'utf8')

/** Runs a health script as Argo CD does: the object is the global `obj`, the answer is a table with `status` and `message`. */
function healthOf(script: string, object: unknown): { status: string; message: string } {
  const state = lauxlib.luaL_newstate()
  lualib.luaL_openlibs(state)
  push(state, object)
  lua.lua_setglobal(state, to_luastring('obj'))
  if (lauxlib.luaL_dostring(state, to_luastring(script)) !== lua.LUA_OK) throw new Error(to_jsstring(lua.lua_tostring(state, -1)))
  const field = (name: string) => {
    lua.lua_getfield(state, -1, to_luastring(name))
    const value = to_jsstring(lua.lua_tostring(state, -1))
    lua.lua_pop(state, 1)
    return value
  }
  return { status: field('status'), message: field('message') }
}

function push(state: unknown, value: unknown): void {
  if (typeof value === 'string') lua.lua_pushstring(state, to_luastring(value))
  else if (typeof value === 'number') lua.lua_pushnumber(state, value)
  else if (typeof value === 'boolean') lua.lua_pushboolean(state, value)
  else if (value === null || value === undefined) lua.lua_pushnil(state)
  else {
    lua.lua_newtable(state)
    for (const [key, inner] of Object.entries(value)) {
      if (Array.isArray(value)) lua.lua_pushnumber(state, Number(key) + 1)
      else lua.lua_pushstring(state, to_luastring(key))
      push(state, inner)
      lua.lua_settable(state, -3)
    }
  }
}

describe('Argo CD', async () => {
  const script = await read('health.lua')

  test.each(states)('takes a Recording with $what for $argo', ({ object, argo }) => {
    expect(healthOf(script, object).status).toBe(argo)
  })
  test.each(clipStates)('takes a clip with $what for $argo', ({ object, argo }) => {
    expect(healthOf(script, object).status).toBe(argo)
  })
  test.each(policyStates)('takes a policy with $what for $argo', ({ object, argo }) => {
    expect(healthOf(script, object).status).toBe(argo)
  })

  test('has no trouble with conditions that say nothing', () => {
    const status = { observedGeneration: 1, conditions: [{ type: 'Succeeded', status: 'False' }] }
    expect(healthOf(script, { metadata: { generation: 1 }, status })).toEqual({ status: 'Degraded', message: 'Succeeded: ' })
  })

  test('says why', () => {
    const refused = states.find(({ what }) => what === 'a refusal by TRTC')
    expect(healthOf(script, refused?.object).message).toBe('RoomRefused: Because.')
  })

  test('does not believe a status from before a change of the spec', () => {
    const [stored] = states.filter(({ what }) => what === 'all being stored')
    expect(healthOf(script, { ...stored?.object, metadata: { generation: 2 } }).status).toBe('Progressing')
    expect(healthOf(script, { metadata: { generation: 1 } }).status).toBe('Progressing')
  })

  test.each([kind, clipKind, policyKind])('is told the very script of health.lua for %s', async (kind) => {
    const { data } = parse(await read('argocd-cm.yaml')) as { data: Record<string, string> }
    expect(data[`resource.customizations.health.trtc-recorder.dev_${kind}`]).toBe(script)
  })
})

describe('Flux', async () => {
  const { spec } = parse(await read('flux-kustomization.yaml')) as {
    spec: { healthCheckExprs: Record<'kind' | 'failed' | 'inProgress' | 'current', string>[] }
  }

  /** In the order that Flux asks in: what is of an earlier generation, or true of nothing, is in progress. */
  function fluxSays(object: State['object']): string {
    const { observedGeneration } = object.status ?? {}
    if (observedGeneration !== undefined && observedGeneration !== object.metadata.generation) return 'InProgress'
    const expressions = spec.healthCheckExprs.find(({ kind }) => kind === object.kind)!
    const holds = ([_, name]: [string, 'failed' | 'inProgress' | 'current']) =>
      evaluate(expressions[name], object as unknown as Record<string, unknown>) === true
    const order: [string, 'failed' | 'inProgress' | 'current'][] = [
      ['InProgress', 'inProgress'],
      ['Failed', 'failed'],
      ['Current', 'current'],
    ]
    const words = order.filter(holds).map(([word]) => word)
    expect(words.length).toBeLessThan(2)
    return words[0] ?? 'InProgress'
  }

  test.each(states)('takes a Recording with $what for $kstatus $flux', ({ object, kstatus, flux = kstatus }) => {
    expect(fluxSays(object)).toBe(flux)
  })
  test.each(clipStates)('takes a clip with $what for $kstatus', ({ object, kstatus }) => {
    expect(fluxSays(object)).toBe(kstatus)
  })
  test.each(policyStates)('takes a policy with $what for $kstatus $flux', ({ object, kstatus, flux = kstatus }) => {
    expect(fluxSays(object)).toBe(flux)
  })
})
