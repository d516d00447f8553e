import { z } from 'zod'

const port = z.coerce.number().int().min(0).max(65_535)
const flag = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true')
const list = z.string().transform((text) => text.split(',').flatMap((part) => part.trim() || []))

/** Every setting, once: its variable is TRTC_RECORDER_GATEWAY_<NAME>. An empty value counts as not given. */
const settings = {
  callersFile: {
    schema: z.string().min(1).optional(),
    help: 'File with the callers; it is read again when it changes. None: nobody but TRTC may call, so that applicationsFile has to be given.',
  },
  applicationsFile: {
    schema: z.string().min(1).optional(),
    help: 'File with the applications whose events are heard; it is read again when it changes. None: events are not heard.',
  },
  policyNamespaces: { schema: list.default([]), help: 'Namespaces whose policies are looked at, separated by commas.' },
  trustedProxies: {
    schema: list.pipe(z.array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], 'must be addresses and CIDRs'))).default([]),
    help: 'Addresses and CIDRs of proxies whose X-Forwarded-For is believed in the audit log, separated by commas. None: nobody’s.',
  },
  keepHours: { schema: z.coerce.number().min(0.01).max(8760).default(72), help: 'How long a request is told of after its end.' },
  tokenReview: { schema: flag.default(false), help: 'Whether tokens of Kubernetes are taken, judged by TokenReview.' },
  tokenAudiences: { schema: list.default([]), help: 'Audiences of those tokens, separated by commas. None: the API server’s.' },
  port: { schema: port.default(8080), help: 'Port of the callers.' },
  healthPort: { schema: port.default(8081), help: 'Port of /healthz, /readyz and /metrics.' },
  drainSeconds: {
    schema: z.coerce.number().min(0).max(600).default(10),
    help: 'How long it goes on answering after it was asked to stop, until nobody sends it anything any more.',
  },
  shutdownSeconds: { schema: z.coerce.number().min(0.1).max(600).default(20), help: 'How long what is under way may take then.' },
  serviceAccountDirectory: {
    schema: z.string().min(1).default('/var/run/secrets/kubernetes.io/serviceaccount'),
    help: 'Where the Pod’s own account is mounted.',
  },
  logLevel: {
    schema: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    help: 'debug, info, warn or error. The audit log is info.',
  },
} satisfies Record<string, { schema: z.ZodType; help: string }>

type Settings = typeof settings
export type Config = { [Name in keyof Settings]: z.output<Settings[Name]['schema']> }

/** Says every setting that is wrong, by the name of its variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export const variableOf = (name: keyof Settings) =>
  `TRTC_RECORDER_GATEWAY_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

export function parseConfig(env: Record<string, string | undefined>): Config {
  const config: Record<string, unknown> = {}
  const wrong: string[] = []
  for (const [name, { schema, help }] of Object.entries(settings) as [keyof Settings, { schema: z.ZodType; help: string }][]) {
    const given = env[variableOf(name)]
    const parsed = schema.safeParse(given === '' ? undefined : given)
    if (parsed.success) config[name] = parsed.data
    else if (!given) wrong.push(`${variableOf(name)} must be set: ${help}`)
    else
      wrong.push(
        `${variableOf(name)} is ${JSON.stringify(given)}: ${parsed.error.issues.map(({ message }) => message).join('; ')}`,
      )
  }
  if (wrong.length === 0 && config.callersFile === undefined && config.applicationsFile === undefined)
    wrong.push(
      `${variableOf('callersFile')}, ${variableOf('applicationsFile')}: at least one of them must be set, or nobody could call`,
    )
  if (wrong.length > 0) throw new ConfigError(`The gateway cannot start:\n${wrong.map((line) => `  ${line}`).join('\n')}`)
  return config as Config
}

/** One line a setting, for --help. */
export function usage(): string {
  const lines = Object.entries(settings).map(([name, { help }]) => `  ${variableOf(name as keyof Settings)}\n      ${help}`)
  return `The trtc-recorder gateway.\n\n${lines.join('\n')}\n`
}
