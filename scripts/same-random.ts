import fc from 'fast-check'

/** Property tests draw the same in each run of the tests; see vitest.config.ts. */
fc.configureGlobal({ seed: Number(process.env.SEED) })
