import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { parseArgs } from 'node:util'
import { isCidr } from '@trtc-recorder/api/receivers'
import { serviceAccountDirectory } from '@trtc-recorder/kube'
import { z } from 'zod'
import { podOptionsSchema, restricted } from './recording/pod-options.ts'
import { logLevels } from './telemetry/log.ts'

const label = z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a DNS label')
const cidr = z.string().refine(isCidr, 'must be an address or a CIDR, such as 10.0.0.0/8')
const port = z.coerce.number().int().min(0).max(65_535)
const count = z.coerce.number().int().min(1).max(1000)
const most = z.coerce.number().int().min(1).max(1_000_000).optional()
const seconds = z.coerce.number().min(0.001).max(31_536_000)
const flag = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true')
const list = (item: z.ZodType<string, string>) =>
  z
    .string()
    .transform((text) => text.split(',').flatMap((part) => part.trim() || []))
    .pipe(z.array(item))
const json = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown
      } catch {
        context.addIssue({ code: 'custom', message: 'must be JSON' })
        return z.NEVER
      }
    })
    .pipe(schema)

const quantities = z.record(z.string(), z.union([z.string(), z.number().transform(String)]))
const resources = z.strictObject({ requests: quantities.optional(), limits: quantities.optional() })

/**
 * Every setting, once: its variable is TRTC_RECORDER_<NAME> and its flag --<name>, both from the name here (`healthPort`:
 * TRTC_RECORDER_HEALTH_PORT, --health-port). A flag wins over a variable; an empty value counts as not given.
 */
const settings = {
  watchNamespaces: { schema: list(label).default([]), help: 'Namespaces to serve, separated by commas. None: all of them.' },

  recorderImage: { schema: z.string().min(1), help: 'Image of the recorder.' },
  recorderImagePullPolicy: {
    schema: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent'),
    help: 'When a node pulls the image.',
  },
  recorderImagePullSecrets: { schema: list(z.string()).default([]), help: 'Secrets for pulling it, separated by commas.' },
  recorderResources: {
    schema: json(resources).default({ requests: { cpu: '500m', memory: '768Mi' }, limits: { memory: '2Gi' } }),
    help: 'CPU and memory of a recorder whose Recording does not say, as JSON.',
  },
  recorderServiceAccount: {
    schema: z.string().default('default'),
    help: 'ServiceAccount of recorder Pods, in the namespace of the Recording. Its token is never mounted.',
  },
  recorderChromiumArgs: { schema: z.string().default(''), help: 'Extra Chromium switches, separated by blanks.' },
  recorderPod: {
    schema: json(podOptionsSchema).default(() => podOptionsSchema.parse(restricted)),
    help: 'What every recorder Pod gets besides (labels, placement, security contexts, volumes …), as JSON.',
  },

  leaderElection: { schema: flag.default(true), help: 'Whether several operators agree on one that works.' },
  leaseNamespace: { schema: label.optional(), help: 'Namespace of the Lease. The operator’s own where it is not set.' },
  leaseName: { schema: z.string().min(1).default('trtc-recorder-operator'), help: 'Name of the Lease.' },
  identity: { schema: z.string().min(1).default(hostname), help: 'Name of this process, unique among the operators.' },
  podUid: {
    schema: z.string().max(64).optional(),
    help: 'UID of the operator’s own Pod, of which the identity is the name: an Event there says what it waits for while it is not ready.',
  },

  release: {
    schema: z.string().min(1).max(200).optional(),
    help: 'Name of this release, the same for all its replicas, now and later: what it claims namespaces with. Namespace and name of the Lease where it is not set; the identity without leader election.',
  },
  claimPatienceSeconds: {
    schema: z.coerce.number().min(1).max(3600).default(120),
    help: 'How long another release that has claimed a namespace may take to say that it is still there, before the namespace is taken over.',
  },

  recordingsPerNamespace: { schema: most, help: 'Recordings at once in each namespace; the others wait in line.' },
  recordingsPerCluster: { schema: most, help: 'The same in all namespaces that are served, together.' },
  priorityClasses: {
    schema: json(z.record(z.string(), z.int())).default({}),
    help: 'Values of PriorityClasses that order the line, as JSON. They win over those of the cluster.',
  },
  readPriorityClasses: { schema: flag.default(false), help: 'Whether the values of PriorityClasses are read from the cluster.' },

  finishedPerNamespace: {
    schema: z.coerce.number().int().min(0).max(1_000_000).optional(),
    help: 'Finished Recordings that are kept in each namespace; those that were finished first are deleted. All of them, where it is not set.',
  },

  workers: { schema: count.default(32), help: 'Recordings worked on at the same time.' },
  callbackWorkers: { schema: count.default(16), help: 'Callbacks delivered at the same time.' },
  callbackTimeoutSeconds: { schema: seconds.default(10), help: 'How long a receiver of a callback may take to answer.' },
  callbackGiveUpSeconds: { schema: seconds.default(86_400), help: 'How long a callback is tried.' },
  callbackGiveUpDeletedSeconds: {
    schema: seconds.default(600),
    help: 'How long the callback of a deleted Recording is tried; it keeps the Recording from going away.',
  },
  callbackAllow: {
    schema: list(cidr).default([]),
    help: 'Addresses (CIDRs, separated by commas) that may be called although others of their kind may not, and whose answers are told in full.',
  },
  callbackDeny: { schema: list(cidr).default([]), help: 'Addresses (CIDRs, separated by commas) that are never called.' },
  callbackPrivateAddresses: {
    schema: flag.default(true),
    help: 'Whether private addresses may be called. Whether anybody is there is not told then.',
  },
  resyncSeconds: { schema: seconds.default(600), help: 'How often everything is listed and looked at again, as a net.' },

  serviceAccountDirectory: {
    schema: z.string().min(1).default(serviceAccountDirectory),
    help: 'Where the Pod’s own account is mounted: token, ca.crt, namespace. Without KUBECONFIG the API server is asked with it.',
  },
  healthPort: { schema: port.default(8081), help: 'Port of /healthz and /readyz.' },
  metricsPort: { schema: port.default(8080), help: 'Port of /metrics.' },
  shutdownSeconds: { schema: seconds.default(25), help: 'How long a stop may take; less than the Pod’s grace period.' },
  logLevel: { schema: z.enum(logLevels).default('info'), help: 'debug, info, warn or error.' },
} satisfies Record<string, { schema: z.ZodType; help: string }>

type Settings = typeof settings
export type Config = { [Name in keyof Settings]: z.output<Settings[Name]['schema']> } & {
  leaseNamespace: string
  release: string
}

/** Says every setting that is wrong, by the name of its variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const words = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
export const flagOf = (name: keyof Settings) => `--${words(name)}`
export const variableOf = (name: keyof Settings) => `TRTC_RECORDER_${words(name).replaceAll('-', '_').toUpperCase()}`

export function parseConfig(
  env: Record<string, string | undefined>,
  args: readonly string[] = [],
  ownNamespace: (directory: string) => string | undefined = namespaceOfPod,
): Config {
  const flags = parseFlags(args)
  const config: Record<string, unknown> = {}
  const wrong: string[] = []
  for (const [name, { schema }] of Object.entries(settings) as [keyof Settings, { schema: z.ZodType }][]) {
    const given = flags[words(name)] ?? env[variableOf(name)]
    const parsed = schema.safeParse(given === '' ? undefined : given)
    if (parsed.success) config[name] = parsed.data
    else wrong.push(explain(name, given, parsed.error))
  }
  config.leaseNamespace ??= ownNamespace(String(config.serviceAccountDirectory))
  if (config.leaderElection && config.leaseNamespace === undefined) {
    wrong.push(
      `${variableOf('leaseNamespace')} (${flagOf('leaseNamespace')}) must be set outside a Pod, or ${variableOf('leaderElection')}=false`,
    )
  }
  config.release ??= config.leaderElection ? `${config.leaseNamespace}/${config.leaseName}` : config.identity
  if (wrong.length > 0) throw new ConfigError(`The operator cannot start:\n${wrong.map((line) => `  ${line}`).join('\n')}`)
  return config as Config
}

/** One line a setting, for --help. */
export function usage(): string {
  const lines = (Object.keys(settings) as (keyof Settings)[]).map(
    (name) => `  ${flagOf(name).padEnd(34)} ${variableOf(name)}\n      ${settings[name].help}`,
  )
  return `The trtc-recorder operator.\n\n${lines.join('\n')}\n`
}

function parseFlags(args: readonly string[]): Record<string, string | undefined> {
  const options = Object.fromEntries(Object.keys(settings).map((name) => [words(name), { type: 'string' as const }]))
  try {
    return parseArgs({ args: [...args], options, strict: true }).values as Record<string, string | undefined>
  } catch (error) {
    throw new ConfigError(`The operator cannot start: ${(error as Error).message}`)
  }
}

function explain(name: keyof Settings, given: string | undefined, error: z.ZodError): string {
  const where = `${variableOf(name)} (${flagOf(name)})`
  if (given === undefined || given === '') return `${where} must be set: ${settings[name].help}`
  const why = error.issues.map((issue) => [issue.path.join('.'), issue.message].filter((part) => part !== '').join(': '))
  return `${where} is ${JSON.stringify(given)}: ${why.join('; ')}`
}

function namespaceOfPod(directory: string): string | undefined {
  try {
    return readFileSync(`${directory}/namespace`, 'utf8').trim()
  } catch {
    return undefined
  }
}
