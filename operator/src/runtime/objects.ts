/** All that the runtime knows of an object: under which name it is, which incarnation and which version. */
export interface StoredObject {
  metadata: { namespace: string; name: string; uid: string; resourceVersion: string }
}

/** `namespace/name`, the key of an object in a store or a queue. */
export const keyOf = (ref: { namespace?: string; name: string }): string =>
  ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`

/** By what is found what was made for an object: a label has whatever UID somebody writes into it, and means nothing in another namespace. */
export const ownerKey = ({ namespace, uid }: { namespace: string; uid: string }): string => `${namespace}/${uid}`

export function refOf(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/')
  return { namespace: key.slice(0, Math.max(slash, 0)), name: key.slice(slash + 1) }
}

/** Where the work of a key is. A key may say in front what kind of work it is, as in `orphan:lessons/math-1`. */
export const namespaceOfKey = (key: string): string => refOf(key.slice(key.indexOf(':') + 1)).namespace
