export * from './control-client.ts'
export { type CallbackSinkOptions, type RunningCallbackSink, signedPath, startCallbackSink } from './server.ts'
