import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Where the replay page is: where TRTC_RECORDER_REPLAY_PAGE says, else beside the program, as in the image, else where `node replay/build.ts` puts it. */
export function findReplayPage(env: NodeJS.ProcessEnv, programDirectory: string): string {
  const beside = join(programDirectory, 'replay.html')
  if (env.TRTC_RECORDER_REPLAY_PAGE) return env.TRTC_RECORDER_REPLAY_PAGE
  return existsSync(beside) ? beside : join(programDirectory, '../../replay/dist/replay.html')
}
