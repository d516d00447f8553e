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

export const nodeName = 'sandbox'

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
