import { Command } from 'commander'
import { startCallbackSink } from './server.ts'

/** Runs the callback sink until SIGTERM or SIGINT; says where it is in one JSON line on stdout. */
const options = new Command('callback')
  .description('Takes callbacks and keeps them.')
  .option('--dir <dir>', 'folder that keeps what was received')
  .option('--address <address>', 'address to listen on', '127.0.0.1')
  .option('--advertise <host>', 'host or address that others reach it by')
  .option('--port <port>', 'port for callbacks; 0 takes any', Number, 18447)
  .option('--control-port <port>', 'port of the control API; 0 takes any', Number, 0)
  .parse()
  .opts<{ dir?: string; address: string; advertise?: string; port: number; controlPort: number }>()

const sink = await startCallbackSink(options)
process.stdout.write(`${JSON.stringify({ ready: true, url: sink.url, controlUrl: sink.controlUrl })}\n`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void sink.close())
