/**
 * `npm run generate` writes everything that follows from the schemas in api/src; with `--check` it writes nothing and fails if a
 * file is not what it would write.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { clipPlural, group, numericTolerationsFrom, numericTolerationsRule, plural, policyPlural } from '../src/index.ts'
import { chartGroups } from './chart-groups.ts'
import { recordingClipCrd } from './clip-crd.ts'
import { recordingCrd } from './crd.ts'
import { recordingPolicyCrd } from './policy-crd.ts'
import { clipTables, documentationTables, insertTables, operationsParagraphs, policyTables } from './tables.ts'
import { valuesTable } from './values-table.ts'

const root = join(import.meta.dirname, '../..')
const banner = '# Generated from api/src by `npm run generate`. Do not edit.\n'

const generated: Record<string, () => Promise<string>> = {
  [`crds/${group}_${plural}.yaml`]: async () => banner + yaml(recordingCrd()),
  [`crds/${group}_${policyPlural}.yaml`]: async () => banner + yaml(recordingPolicyCrd()),
  [`crds/${group}_${clipPlural}.yaml`]: async () => banner + yaml(recordingClipCrd()),
  'charts/trtc-recorder/templates/_groups.tpl': async () =>
    chartGroups(await current('charts/trtc-recorder/values.yaml'), await current('charts/trtc-recorder/values.schema.json')),
  'charts/trtc-recorder/templates/crds/recordingclips.yaml': async () => chartCrd(recordingClipCrd()),
  'charts/trtc-recorder/templates/crds/recordings.yaml': async () => chartCrd(recordingCrd()),
  'charts/trtc-recorder/templates/crds/recordingpolicies.yaml': async () => chartCrd(recordingPolicyCrd()),
  'charts/trtc-recorder/README.md': async () =>
    insertTables(await current('charts/trtc-recorder/README.md'), {
      values: valuesTable(await current('charts/trtc-recorder/values.yaml')),
    }),
  'docs/auto-record.md': async () => insertTables(await current('docs/auto-record.md'), policyTables()),
  'docs/clips.md': async () => insertTables(await current('docs/clips.md'), clipTables()),
  'docs/operations.md': async () => insertTables(await current('docs/operations.md'), operationsParagraphs()),
  'docs/recording.md': async () => insertTables(await current('docs/recording.md'), documentationTables()),
}

const check = process.argv.includes('--check')
const stale: string[] = []
for (const [path, content] of Object.entries(generated)) {
  const wanted = await content()
  if ((await current(path)) === wanted) continue
  stale.push(path)
  if (check) continue
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), wanted)
  console.log(`Wrote ${path}`)
}
if (check && stale.length > 0) {
  console.error(`Not what the schemas in api/src say: ${stale.join(', ')}. Run: npm run generate`)
  process.exitCode = 1
}

/** The same CRD with the chart's switches around it. */
function chartCrd({ apiVersion, kind, metadata, spec }: ReturnType<typeof recordingCrd>): string {
  const body = forOlderClusters(yaml({ spec }))
  return `{{- include "trtc-recorder.fill" . }}
{{- if and .Values.crds.enabled (not (include "trtc-recorder.foreignCrd" (list . "${spec.names.plural}"))) }}
${banner}apiVersion: ${apiVersion}
kind: ${kind}
metadata:
  name: ${metadata.name}
  labels:
    {{- include "trtc-recorder.labels" . | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
${body}{{- end }}
`
}

/** The body of a CRD, with what is only said to clusters that are too old inside a switch. */
function forOlderClusters(body: string): string {
  if (body.includes('{{')) throw new Error('a description has {{ in it, which Helm would take for a template')
  const rule = /^( *)- rule: .*\n\1 {2}message: (.*)\n\1 {2}fieldPath: .*\n/gm
  return body.replaceAll(rule, (text, _, message) =>
    message === numericTolerationsRule.message
      ? `{{- if semverCompare "<${numericTolerationsFrom}-0" .Capabilities.KubeVersion.Version }}\n${text}{{- end }}\n`
      : text,
  )
}

function yaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })
}

async function current(path: string): Promise<string> {
  return readFile(join(root, path), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
}
