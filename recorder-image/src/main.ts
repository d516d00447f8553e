/** Where the process begins: what is true of all its memory is said before anything else is loaded. */
import { setFlagsFromString } from 'node:v8'

// Of a recorder's garbage nearly all is gone at once, and what it keeps is small: where V8 lets what is young have 16 MB and more, that is memory which is touched
// and never needed: a recorder that waits takes 37 to 42 MB with a megabyte for it, and 64 without.
setFlagsFromString('--semi-space-growth-factor=1')
await import('./run-process.ts')
