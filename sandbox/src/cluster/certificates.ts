import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { apiServerUrl, network, nodes } from './addresses.ts'

const run = promisify(execFile)

/** A cluster lives for hours; its certificates for a month. */
const validDays = 30

interface Identity {
  /** Kubernetes reads the user from CN and the groups from O. */
  subject: string
  alternativeNames?: string
}

const identities = {
  apiserver: {
    subject: '/CN=kube-apiserver',
    alternativeNames: [
      ...[network.node, network.apiService, '127.0.0.1'].map((address) => `IP:${address}`),
      ...['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost'].map(
        (name) => `DNS:${name}`,
      ),
    ].join(','),
  },
  'apiserver-kubelet-client': { subject: '/O=system:masters/CN=kube-apiserver-kubelet-client' },
  admin: { subject: '/O=system:masters/CN=sandbox-admin' },
  'volume-provisioner': { subject: '/O=system:masters/CN=sandbox-volume-provisioner' },
  'controller-manager': { subject: '/CN=system:kube-controller-manager' },
  scheduler: { subject: '/CN=system:kube-scheduler' },
  proxy: { subject: '/CN=system:kube-proxy' },
  ...Object.fromEntries(
    nodes.map(({ name, address }) => [
      `kubelet-${name}`,
      { subject: `/O=system:nodes/CN=system:node:${name}`, alternativeNames: `IP:${address},DNS:${name}` },
    ]),
  ),
} satisfies Record<string, Identity>

const elliptic = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-days', String(validDays)]

/** Writes a certificate authority and everybody's certificate, key and kubeconfig into the folder. */
export async function writeCertificates(directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const at = (name: string) => join(directory, name)
  const authority = ['-keyout', at('ca.key'), '-out', at('ca.crt'), '-subj', '/CN=trtc-recorder-sandbox']
  await run('openssl', ['req', '-x509', ...elliptic, ...authority])
  await Promise.all([
    run('openssl', [
      'genpkey',
      '-algorithm',
      'EC',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-out',
      at('service-account.key'),
    ]),
    ...Object.entries<Identity>(identities).map(async ([name, { subject, alternativeNames }]) => {
      const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.crt`), '-CA', at('ca.crt'), '-CAkey', at('ca.key')]
      const extensions = [
        'basicConstraints=critical,CA:FALSE',
        'extendedKeyUsage=clientAuth,serverAuth',
        ...(alternativeNames ? [`subjectAltName=${alternativeNames}`] : []),
      ]
      await run('openssl', [
        'req',
        '-x509',
        ...elliptic,
        ...files,
        '-subj',
        subject,
        ...extensions.flatMap((x) => ['-addext', x]),
      ])
      writeFileSync(at(`${name}.kubeconfig`), kubeconfig(directory, name), { mode: 0o600 })
    }),
  ])
  await run('openssl', ['pkey', '-in', at('service-account.key'), '-pubout', '-out', at('service-account.pub')])
}

/** A kubeconfig that contains its certificates, so that it works wherever it is copied. JSON is YAML. */
function kubeconfig(directory: string, name: string): string {
  const embedded = (file: string) => readFileSync(join(directory, file)).toString('base64')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'trtc-recorder-sandbox',
    clusters: [{ name: 'sandbox', cluster: { server: apiServerUrl, 'certificate-authority-data': embedded('ca.crt') } }],
    users: [{ name, user: { 'client-certificate-data': embedded(`${name}.crt`), 'client-key-data': embedded(`${name}.key`) } }],
    contexts: [{ name: 'trtc-recorder-sandbox', context: { cluster: 'sandbox', user: name } }],
  }
  return JSON.stringify(config, undefined, 2)
}
