import { glob, readFile } from 'node:fs/promises'
import { recordingSpecSchema } from '@trtc-recorder/api'
import { parse } from 'yaml'
import { leastSpec } from '../../api/src/testing/refusals.ts'
import type { KubeObject } from '../../kube/src/index.ts'

interface Documented {
  page: string
  line: number
  object: KubeObject & { spec: Record<string, unknown> }
}

const root = new URL('../../', import.meta.url)
const ofOurs = ['Recording', 'RecordingPolicy', 'RecordingClip']

/**
 * What the documentation shows of our objects. A page's example of a Recording stands for what it leaves out (`# …`) in the fragments below it: a `spec`, or
 * some of its fields. Settings of the chart and of the gateway are no objects.
 */
export async function documentedObjects(): Promise<Documented[]> {
  const found: Documented[] = []
  for await (const page of glob(['README.md', 'docs/**/*.md'], { cwd: root, exclude: ['docs/adr'] })) {
    const text = await readFile(new URL(page, root), 'utf8')
    let recording: Record<string, unknown> = leastSpec
    for (const match of text.matchAll(/^( *)```yaml\n([\s\S]*?)^ *```$/gm)) {
      const line = text.slice(0, match.index).split('\n').length
      const block: Record<string, unknown> = parse(match[2]!)
      const isObject = ofOurs.includes(String(block.kind))
      const fields = Object.keys(block)
      const isFragment = fields.every((field) => field === 'spec' || field in recordingSpecSchema.shape)
      if (!isObject && !isFragment) continue
      const said = (isObject || 'spec' in block ? block.spec : block) as Record<string, unknown>
      if (isObject && block.kind !== 'Recording') {
        found.push({ page, line, object: block as unknown as Documented['object'] })
        continue
      }
      const spec = { ...recording, ...('strRoomId' in said ? { roomId: undefined } : {}), ...said }
      if (isObject) recording = spec
      const { apiVersion = 'trtc-recorder.dev/v1alpha1', metadata = {} } = block as Partial<KubeObject>
      found.push({ page, line, object: { apiVersion, kind: 'Recording', metadata, spec } as unknown as Documented['object'] })
    }
  }
  return found
}
