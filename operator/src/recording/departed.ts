import type { Pod } from '@trtc-recorder/kube'
import { recordingOf } from './names.ts'
import { hasEnded } from './pod-state.ts'

/** More have not been recorded only if something is very wrong. */
const mostKept = 10_000

/**
 * The last that was seen of Pods that are gone, until it stands in a status. A watch brings the end of a recorder and the end of its Pod within
 * moments; between them a Recording may not have been decided on. What is forgotten here is not lost: it is on the volume, and the next
 * attempt says it again.
 */
export class DepartedPods {
  readonly #byRecording = new Map<string, Map<string, Pod>>()
  #size = 0

  /** `isStale`: it is the last that was seen of it, and need not be the last that there was. */
  remember({ object: pod, isStale = false }: { object: Pod; isStale?: boolean }): void {
    const uid = recordingOf(pod)?.uid
    if (uid === undefined || this.#size >= mostKept) return
    // What has become of it since it was last seen, nobody knows: it may have got a node, and have recorded there.
    if (isStale && !hasEnded(pod)) return
    const pods = this.#byRecording.get(uid) ?? new Map<string, Pod>()
    this.#byRecording.set(uid, pods)
    if (!pods.has(pod.metadata.uid)) this.#size += 1
    pods.set(pod.metadata.uid, pod)
  }

  of(recordingUid: string): Pod[] {
    return [...(this.#byRecording.get(recordingUid)?.values() ?? [])]
  }

  forget(recordingUid: string, podUid: string): void {
    const pods = this.#byRecording.get(recordingUid)
    if (pods?.delete(podUid)) this.#size -= 1
    if (pods?.size === 0) this.#byRecording.delete(recordingUid)
  }

  forgetAll(recordingUid: string): void {
    this.#size -= this.#byRecording.get(recordingUid)?.size ?? 0
    this.#byRecording.delete(recordingUid)
  }
}
