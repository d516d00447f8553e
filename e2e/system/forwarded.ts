import { spawn } from 'node:child_process'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { kubeconfigFile } from '../../sandbox/src/cluster/index.ts'

/** Address on this machine of a port of a Service or of a Pod of a Deployment (`service/x`, `deployment/x`), as long as `use` runs. */
export async function forwarded<T>(
  namespace: string,
  target: string,
  port: number,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const { kubectl: path } = await ensureBinaries(['kubectl'])
  const args = ['port-forward', target, `:${port}`, '--namespace', namespace, '--address', '127.0.0.1']
  const child = spawn(path, args, { env: { ...process.env, KUBECONFIG: kubeconfigFile }, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const local = await new Promise<string>((resolve, reject) => {
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text
        const [, found] = /127\.0\.0\.1:(\d+) ->/.exec(said) ?? []
        if (found !== undefined) resolve(found)
      })
      child.once('exit', (code) => reject(new Error(`kubectl port-forward ended with ${code}`)))
    })
    return await use(`http://127.0.0.1:${local}`)
  } finally {
    child.kill()
  }
}
