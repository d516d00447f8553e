export { type CloudAction, type Misbehaviour, type RunningCloudApi, startCloudApi } from './server.ts'
