/** How the operator and the gateway talk to the API server. */
export * from './access.ts'
export * from './client.ts'
export * from './errors.ts'
export * from './resources.ts'
export * from './types.ts'
