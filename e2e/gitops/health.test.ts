import { readFile } from 'node:fs/promises'
import { evaluate } from '@marcbachmann/cel-js'
import fengari from 'fengari'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { states } from './states.ts'

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

  test('says why', () => {
    const refused = states.find(({ what }) => what === 'a refusal by TRTC')
    expect(healthOf(script, refused?.object).message).toBe('RoomRefused: Because.')
  })

  test('does not believe a status from before a change of the spec', () => {
    const [stored] = states.filter(({ what }) => what === 'all being stored')
    expect(healthOf(script, { ...stored?.object, metadata: { generation: 2 } }).status).toBe('Progressing')
    expect(healthOf(script, { metadata: { generation: 1 } }).status).toBe('Progressing')
  })

  test('is told the very script of health.lua', async () => {
    const { data } = parse(await read('argocd-cm.yaml')) as { data: Record<string, string> }
    expect(data['resource.customizations.health.trtc-recorder.dev_Recording']).toBe(script)
  })
})

describe('Flux', async () => {
  const { spec } = parse(await read('flux-kustomization.yaml')) as {
    spec: { healthCheckExprs: Record<'failed' | 'inProgress' | 'current', string>[] }
  }
  const [expressions] = spec.healthCheckExprs

  test.each(states)('takes a Recording with $what for $kstatus', ({ object, kstatus }) => {
    const holds = Object.entries({ Failed: 'failed', InProgress: 'inProgress', Current: 'current' } as const).flatMap(
      ([word, name]) => (evaluate(expressions![name], object as unknown as Record<string, unknown>) === true ? [word] : []),
    )
    expect(holds).toEqual([kstatus])
  })
})
