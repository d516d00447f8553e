/** Runs the room as a process of its own until SIGTERM. Prints one JSON line when it accepts users. */
import { Command } from 'commander'
import { startRoomServer } from './server.ts'

const { address, advertise, port, controlPort, mediaPort, stateDir } = new Command()
  .option('--address <address>', 'address to listen on', '127.0.0.1')
  .option('--advertise <address>', 'address that clients are told')
  .option('--port <port>', 'schedule and signalling', Number, 0)
  .option('--control-port <port>', 'control API', Number, 0)
  .option('--media-port <port>', 'media (UDP)', Number, 0)
  .option('--state-dir <directory>', 'keeps the certificate')
  .parse()
  .opts()

const server = await startRoomServer({
  address,
  advertise: advertise ?? address,
  port,
  controlPort,
  mediaPort,
  stateDir,
  log: (entry) => console.error(JSON.stringify(entry)),
})
const { unifiedProxy, spki, controlUrl } = server
console.log(JSON.stringify({ ready: true, unifiedProxy, spki, controlUrl }))
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => server.close().then(() => process.exit(0)))
