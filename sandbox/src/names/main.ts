import { network } from '../cluster/addresses.ts'
import { startDns } from './dns.ts'

// The Pods' name server, inside the cluster's namespaces. The stand-ins are on the host's end of its network.
await startDns({ address: network.node, port: 53, answerWith: network.host })
