import { join } from 'node:path'
import { type ClusterNode, firstNode, inside, network, spareTaint } from './addresses.ts'

const pki = join(inside.state, 'cluster/pki')
/** Folder of a node's configuration, below `.sandbox`. */
export const nodeDirectory = ({ name }: ClusterNode) => join('cluster', name)

/** Name of the image that holds a Pod's namespaces open. It does nothing; see sandbox/cluster/pause. */
export const pauseImage = 'localhost/trtc-recorder/pause:1'

/** Configuration files of a node, by name below `etc` in its folder. */
export function configurationFiles(node: ClusterNode, snapshotter: 'overlayfs' | 'native'): Record<string, string> {
  const etc = join(inside.state, nodeDirectory(node), 'etc')
  return {
    'containerd.toml': containerd(etc, snapshotter, []),
    // Opened without the CRI plugin first, to remove the containers of a run that was killed before the plugin reads them.
    'containerd-cleaning.toml': containerd(etc, snapshotter, ['io.containerd.grpc.v1.cri']),
    'cni/10-sandbox.conflist': json(cni(node)),
    'kubelet.yaml': json(kubelet(node, etc)),
    'kube-proxy.yaml': json(kubeProxy(node)),
    // Answers for the sandbox's own names; every other name fails at once instead of after a time-out.
    'resolv.conf': `nameserver ${network.node}\n`,
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

function containerd(etc: string, snapshotter: string, disabledPlugins: readonly string[]): string {
  return `version = 2
root = "${inside.containerd}"
state = "/run/containerd"
disabled_plugins = ${JSON.stringify(disabledPlugins)}
[grpc]
  address = "${inside.containerdSocket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/sandbox/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Machines whose root lacks CAP_SYS_RESOURCE cannot lower oom_score_adj.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${etc}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "${snapshotter}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
`
}

/**
 * Each Pod is routed on a link of its own (ptp). On a bridge, answers of a Service's Pod to another Pod bypass the translation of addresses
 * unless the kernel has br_netfilter, which small machines often lack.
 */
const cni = (node: ClusterNode) => ({
  cniVersion: '0.4.0',
  name: 'sandbox',
  plugins: [
    {
      type: 'ptp',
      ipMasq: false,
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: node.pods }]],
        routes: [{ dst: '0.0.0.0/0' }],
        dataDir: '/run/sandbox/cni',
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
})

const kubelet = ({ name }: ClusterNode, etc: string) => ({
  registerWithTaints: name === firstNode.name ? [] : [spareTaint],
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: join(pki, 'ca.crt') } },
  authorization: { mode: 'Webhook' },
  tlsCertFile: join(pki, `kubelet-${name}.crt`),
  tlsPrivateKeyFile: join(pki, `kubelet-${name}.key`),
  cgroupDriver: 'cgroupfs',
  clusterDomain: 'cluster.local',
  clusterDNS: [network.node],
  containerRuntimeEndpoint: `unix://${inside.containerdSocket}`,
  // A kubelet removes the logs there of Pods that are not its own.
  podLogsDir: join(inside.state, 'logs', name === firstNode.name ? '' : name, 'pods'),
  resolvConf: join(etc, 'resolv.conf'),
  volumePluginDir: '/run/sandbox/volume-plugins',
  enforceNodeAllocatable: [],
  failSwapOn: false,
  localStorageCapacityIsolation: false,
  oomScoreAdj: 0,
  // Images come by import and cannot be pulled again; the disk is the developer's, who may like it full.
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
  logging: { verbosity: 2 },
})

const kubeProxy = ({ name }: ClusterNode) => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  mode: 'iptables',
  clusterCIDR: network.pods,
  hostnameOverride: name,
  clientConnection: { kubeconfig: join(pki, 'proxy.kubeconfig') },
  // These limits belong to the machine, not to the namespace.
  conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  metricsBindAddress: '127.0.0.1:10249',
})
