import { z } from 'zod'
import { atMost, mostBytes, quantitySchema, quantityValue } from './quantity.ts'
import { type CelRule, matching, ruled } from './rules.ts'

/** What a Recording may say about its Pod and its Secrets, held to what the API server would accept in a Pod. */

const subdomain = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'
const label = '([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]'
const qualifiedName = new RegExp(`^(${subdomain}/)?${label}$`)

/** Name of a Secret, a StorageClass, a PriorityClass, a ServiceAccount. */
export const objectName = (longest = 253) =>
  matching(
    z.string().min(1).max(longest),
    new RegExp(`^${subdomain}$`),
    'must be a name that an object can have: lower-case letters, digits, - and ., with a letter or digit at each end',
  )

export const secretName = objectName().describe('Name of a Secret in the namespace of the Recording.')

export const secretKeyRef = (defaultKey: string, what: string) =>
  z
    .object({
      name: secretName,
      key: matching(
        z.string().min(1).max(253),
        /^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$/,
        'must be a key that a Secret can have: letters, digits, -, _ and .',
      )
        .default(defaultKey)
        .describe(`Key of the Secret that holds ${what}.`),
    })
    .describe(`Where ${what} is kept. Secrets are only ever referred to, never written into a Recording.`)

/** What stands before the slash of a label's key has the length of a domain name at most. */
const prefixFits = (key: string) => key.indexOf('/') <= 253
const prefixRule = (key: string) => `${key}.indexOf('/') <= 253`

const resourceNames = ['cpu', 'memory', 'ephemeral-storage']

const quantities = () =>
  ruled(
    z.record(z.string(), atMost(quantitySchema, mostBytes)).meta({ maxProperties: resourceNames.length }),
    (map) => Object.keys(map).every((name) => resourceNames.includes(name)),
    {
      rule: `self.all(name, name in [${resourceNames.map((name) => `'${name}'`).join(', ')}])`,
      message: `may name ${resourceNames.join(', ')} only`,
    },
  )

/** With less no recorder gets into a room. What it writes beside its volume is its log. */
const leastLimits = [
  { resource: 'memory', least: '256Mi', why: 'a browser does not start with less' },
  { resource: 'cpu', least: '50m', why: 'a browser does not start in time with less' },
  { resource: 'ephemeral-storage', least: '16Mi', why: 'a recorder that logs more is evicted' },
] as const

const requestsFit = (requests: Record<string, string>, limits: Record<string, string>) =>
  Object.entries(requests).every(
    ([name, quantity]) => limits[name] === undefined || quantityValue(quantity) <= quantityValue(limits[name]),
  )

const fittingResourcesSchema = ruled(
  z.object({
    requests: quantities().optional().describe('What the recorder is sure to get: cpu, memory, ephemeral-storage.'),
    limits: quantities().optional().describe('What the recorder may use at most: cpu, memory, ephemeral-storage.'),
  }),
  ({ requests = {}, limits = {} }) => requestsFit(requests, limits),
  {
    rule: '!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) || quantity(self.requests[name]).compareTo(quantity(self.limits[name])) <= 0)',
    message: 'must not be more than resources.limits says',
    fieldPath: '.requests',
  },
)

export const resourcesSchema = leastLimits.reduce(
  (schema, { resource, least, why }) =>
    ruled(schema, ({ limits }) => limits?.[resource] === undefined || quantityValue(limits[resource]) >= quantityValue(least), {
      rule: `!has(self.limits) || !('${resource}' in self.limits) || quantity(self.limits['${resource}']).compareTo(quantity('${least}')) >= 0`,
      message: `${resource} must be at least ${least}: ${why}`,
      fieldPath: '.limits',
    }),
  fittingResourcesSchema,
)

/** The same resources, however their quantities are written. */
export const sameResources = ['requests', 'limits']
  .map((name) => {
    const map = (of: string) => `(has(${of}.${name}) ? ${of}.${name} : {})`
    const same = `quantity(self.${name}[key]).compareTo(quantity(oldSelf.${name}[key])) == 0`
    return `size(${map('self')}) == size(${map('oldSelf')}) && ${map('self')}.all(key, key in oldSelf.${name} && ${same})`
  })
  .join(' && ')

const labelValue = (orElse = '') =>
  matching(
    z.string().max(63),
    new RegExp(`^((${label})?${orElse})$`),
    'must be a label value: letters, digits, -, _ and ., with a letter or digit at each end',
  )

const nodeLabelsSchema = ruled(
  z.record(z.string(), labelValue()).meta({ maxProperties: 16 }),
  (map) => Object.keys(map).every((key) => key.length <= 316 && prefixFits(key) && qualifiedName.test(key)),
  {
    rule: `self.all(key, size(key) <= 316 && ${prefixRule('key')} && key.matches(${JSON.stringify(qualifiedName.source)}))`,
    message: 'must have keys that a label can have, such as pool or example.com/pool',
  },
)

export const nodeSelectorSchema = ruled(nodeLabelsSchema, (map) => (map['kubernetes.io/os'] ?? 'linux') === 'linux', {
  rule: "!('kubernetes.io/os' in self) || self['kubernetes.io/os'] == 'linux'",
  message: 'must have linux for kubernetes.io/os: there is no recorder for anything else',
})

const operators = ['', 'Exists', 'Equal', 'Gt', 'Lt'] as const
const effects = ['', 'NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const

/** Operators that compare numbers. */
const numeric: readonly unknown[] = ['Gt', 'Lt']
const isNumeric = "(has(self.operator) && self.operator in ['Gt', 'Lt'])"

/** As Kubernetes reads it, and of as many digits as fit into 64 bits whatever they are. */
const wholeNumber = '(0|-?[1-9][0-9]{0,17})'

/** Stands in the CRD for clusters that are older than this; the chart leaves it out for others. */
export const numericTolerationsRule = {
  rule: `!${isNumeric}`,
  message: 'Gt and Lt are there from Kubernetes 1.35 on',
  fieldPath: '.operator',
} satisfies CelRule
export const numericTolerationsFrom = '1.35'

const tolerationSchema = [
  {
    holds: (toleration: Toleration) => Boolean(toleration.key) || toleration.operator === 'Exists',
    rule: "(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
    message: 'must be Exists where there is no key: such a toleration is for every taint',
    fieldPath: '.operator',
  },
  {
    holds: (toleration: Toleration) => toleration.operator !== 'Exists' || !toleration.value,
    rule: "!has(self.operator) || self.operator != 'Exists' || !has(self.value) || self.value == ''",
    message: 'must be left out where operator is Exists',
    fieldPath: '.value',
  },
  {
    holds: ({ operator, value = '' }: Toleration) => !numeric.includes(operator) || new RegExp(`^${wholeNumber}$`).test(value),
    rule: `!${isNumeric} || (has(self.value) && self.value.matches('^${wholeNumber}$'))`,
    message: 'must be a whole number of at most 18 digits where operator is Gt or Lt',
    fieldPath: '.value',
  },
  {
    holds: ({ operator, value = '' }: Toleration) => numeric.includes(operator) || !value.startsWith('-'),
    rule: `${isNumeric} || !has(self.value) || !self.value.startsWith('-')`,
    message: 'may begin with - where operator is Gt or Lt only',
    fieldPath: '.value',
  },
  {
    holds: (toleration: Toleration) => toleration.tolerationSeconds === undefined || toleration.effect === 'NoExecute',
    rule: "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
    message: 'must be NoExecute where there are tolerationSeconds',
    fieldPath: '.effect',
  },
].reduce(
  (schema, { holds, ...rule }) => ruled(schema, holds, rule),
  z.object({
    key: ruled(
      matching(z.string().max(316), new RegExp(`^((${subdomain}/)?${label})?$`), 'must be a key that a label can have'),
      prefixFits,
      { rule: prefixRule('self'), message: 'must have at most 253 characters before its slash' },
    )
      .optional()
      .describe('Taint key.'),
    operator: z
      .enum(operators)
      .optional()
      .describe(
        'How key and value are compared: `Equal`, also where it is empty or left out. `Gt` and `Lt` are there from Kubernetes 1.35 on, with its feature gate TaintTolerationComparisonOperators.',
      ),
    value: labelValue(`|-[1-9][0-9]{0,17}`).optional().describe('Taint value.'),
    effect: z.enum(effects).optional().describe('Taint effect; every one, where it is empty or left out.'),
    tolerationSeconds: z.int().min(0).max(31_536_000).optional().describe('How long a NoExecute taint is tolerated.'),
  }),
)

interface Toleration {
  key?: string | undefined
  operator?: (typeof operators)[number] | undefined
  value?: string | undefined
  effect?: (typeof effects)[number] | undefined
  tolerationSeconds?: number | undefined
}

export const tolerationsSchema = z.array(tolerationSchema).max(16)

/** The same taints are tolerated: in any order, and what is left out is empty; no operator is `Equal`. */
export const sameTolerations = (() => {
  const text = (name: string, of: string) => `(has(${of}.${name}) ? ${of}.${name} : '')`
  const operator = (of: string) => `(${text('operator', of)} == '' ? 'Equal' : ${of}.operator)`
  const seconds = (of: string) => `(has(${of}.tolerationSeconds) ? ${of}.tolerationSeconds : -1)`
  const parts = (of: string) => [...['key', 'value', 'effect'].map((name) => text(name, of)), operator(of), seconds(of)]
  const same = parts('one').map((part, index) => `${part} == ${parts('other')[index]}`)
  const within = (some: string, others: string) => `${some}.all(one, ${others}.exists(other, ${same.join(' && ')}))`
  return `${within('self', 'oldSelf')} && ${within('oldSelf', 'self')}`
})()
