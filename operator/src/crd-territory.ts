import type { FittingCrds } from '@trtc-recorder/kube'
import type { Territory } from './runtime/controller.ts'

/** The same territory, as long as the CRDs of these kinds keep what is decided by. While one does not, it is nowhere: nothing is begun, and what is under way is cut off. */
export function whereCrdsFit(
  territory: Territory,
  crds: Pick<FittingCrds, 'has' | 'onChange'>,
  ...kinds: Parameters<FittingCrds['has']>[0][]
): Territory {
  return {
    has: (namespace) => kinds.every((kind) => crds.has(kind)) && territory.has(namespace),
    wants: (namespace) => territory.wants(namespace),
    onChange(handler) {
      territory.onChange(handler)
      crds.onChange(() => handler(undefined))
    },
  }
}
