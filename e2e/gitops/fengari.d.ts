/** As far as it is used; the package brings no types. */
declare module 'fengari' {
  type Call = (...args: unknown[]) => never
  type LuaCall =
    | `lua_push${'string' | 'number' | 'boolean' | 'nil'}`
    | `lua_${'newtable' | 'settable' | 'getfield' | 'setglobal' | 'pop' | 'tostring'}`
  const fengari: {
    lua: Record<LuaCall, Call> & { LUA_OK: number }
    lauxlib: Record<'luaL_newstate' | 'luaL_dostring', Call>
    lualib: Record<'luaL_openlibs', Call>
    to_luastring(text: string): Uint8Array
    to_jsstring(bytes: Uint8Array): string
  }
  export default fengari
}
