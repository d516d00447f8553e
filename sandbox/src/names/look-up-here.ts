/** For a Node process that is to find the sandbox's names on this machine: an addition to its environment. */
export const lookUpHere = {
  NODE_OPTIONS: [process.env.NODE_OPTIONS, `--import=${new URL('./this-machine.ts', import.meta.url)}`].filter(Boolean).join(' '),
}
