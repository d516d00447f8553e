import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { answer } from './answer.ts'

/** A name server for the sandbox's own domain; for the Pods what a private DNS is for a company's cluster. UDP only. */
export async function startDns(options: { address: string; port: number; answerWith: string }): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.on('message', (query, { port, address }) => {
    const reply = answer(query, options.answerWith)
    if (reply) socket.send(reply, port, address)
  })
  socket.bind(options.port, options.address)
  await once(socket, 'listening')
  return socket
}
