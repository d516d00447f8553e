/** How the operator and the gateway talk to the API server. */
export * from './access.ts'
export * from './client.ts'
export * from './errors.ts'
export * from './fitting-crds.ts'
export * from './guarded-client.ts'
export * from './resources.ts'
export * from './served-fields.ts'
export * from './types.ts'
