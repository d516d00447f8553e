import { Command } from 'commander'
import { startCos } from './server.ts'

/** Runs the COS stand-in until SIGTERM or SIGINT; says where it is in one JSON line on stdout. */
const options = new Command('cos')
  .description('A stand-in for Tencent COS.')
  .requiredOption('--dir <dir>', 'folder that keeps buckets and objects')
  .option('--address <address>', 'address to listen on', '127.0.0.1')
  .option('--advertise <host>', 'host or address that others reach it by')
  .option('--port <port>', 'port of the COS XML API; 0 takes any', Number, 18446)
  .option('--control-port <port>', 'port of the control API; 0 takes any', Number, 0)
  .parse()
  .opts<{ dir: string; address: string; advertise?: string; port: number; controlPort: number }>()

const cos = await startCos(options)
process.stdout.write(
  `${JSON.stringify({ ready: true, endpoint: cos.endpoint, controlUrl: cos.controlUrl, rolesUrl: cos.rolesUrl })}\n`,
)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void cos.close())
