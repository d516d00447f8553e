export * from './control-client.ts'
export { type CosOptions, type RunningCos, startCos } from './server.ts'
