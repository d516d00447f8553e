/** Where things are in the sandbox's network. All of it exists only while the cluster is up. */
export const network = {
  /** Name of the host's end of the veth pair. It goes when the cluster's network namespace goes. */
  hostInterface: 'trtc-sandbox',
  /** The node, inside its namespaces. */
  node: '10.90.0.1',
  /** The host as the node and its Pods see it: the sandbox's room, COS and callback sink are here. */
  host: '10.90.0.2',
  prefixLength: 24,
  pods: '10.91.0.0/16',
  services: '10.92.0.0/16',
  /** First address of the service network: the API server as Pods see it. */
  apiService: '10.92.0.1',
  apiPort: 6443,
} as const

export const apiServerUrl = `https://${network.node}:${network.apiPort}`

/** A node of the cluster: a kubelet and a containerd of its own, in namespaces of their own. */
export interface ClusterNode {
  /** Also its host name, and what its folders are called. */
  name: string
  /** Name of the sandbox's daemon that it is. */
  daemon: string
  /** Its group in every cgroup hierarchy. */
  cgroup: string
  address: string
  prefixLength: number
  /** Where its network leads to everything else. */
  gateway: string
  /** Addresses of its Pods, a part of the cluster's. */
  pods: string
}

/** The node that is always there, with all that makes a cluster. */
export const firstNode: ClusterNode = {
  name: 'sandbox',
  daemon: 'cluster',
  cgroup: 'trtc-sandbox',
  address: network.node,
  prefixLength: network.prefixLength,
  gateway: network.host,
  pods: '10.91.0.0/17',
}

/** Nodes that tests start to lose them. They hang on the first one as that one hangs on the machine. */
export const spareNodes: readonly [ClusterNode, ClusterNode] = [
  spareNode(2, '10.93.0.1', '10.93.0.2', '10.91.128.0/18'),
  spareNode(3, '10.93.0.5', '10.93.0.6', '10.91.192.0/18'),
]

/** Nobody comes to a node that is made to be lost but who asks for one. */
export const spareTaint = { key: 'trtc-recorder.test/spare', value: 'yes', effect: 'NoSchedule' } as const

function spareNode(number: number, gateway: string, address: string, pods: string): ClusterNode {
  return {
    name: `sandbox-${number}`,
    daemon: `node-${number}`,
    cgroup: `trtc-sandbox-${number}`,
    address,
    prefixLength: 30,
    gateway,
    pods,
  }
}

export const nodes: readonly ClusterNode[] = [firstNode, ...spareNodes]

/**
 * The state directory of the checkout as processes in the cluster's namespaces see it: short, because paths of Unix sockets must not be
 * longer than 107 bytes, and the same for every checkout.
 */
export const inside = {
  state: '/run/sandbox/state',
  containerd: '/run/sandbox/containerd',
  project: '/run/sandbox/project',
  containerdSocket: '/run/containerd/containerd.sock',
} as const
