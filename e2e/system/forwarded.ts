import { spawn } from 'node:child_process'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { kubeconfigFile } from '../../sandbox/src/cluster/index.ts'

/** Address of a Service on this machine, as long as `use` runs. */
export async function forwarded<T>(namespace: string, service: string, use: (url: string) => Promise<T>): Promise<T> {
  const { kubectl: path } = await ensureBinaries(['kubectl'])
  const args = ['port-forward', `service/${service}`, ':80', '--namespace', namespace, '--address', '127.0.0.1']
  const child = spawn(path, args, { env: { ...process.env, KUBECONFIG: kubeconfigFile }, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const port = await new Promise<string>((resolve, reject) => {
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text
        const [, found] = /127\.0\.0\.1:(\d+) ->/.exec(said) ?? []
        if (found !== undefined) resolve(found)
      })
      child.once('exit', (code) => reject(new Error(`kubectl port-forward ended with ${code}`)))
    })
    return await use(`http://127.0.0.1:${port}`)
  } finally {
    child.kill()
  }
}
