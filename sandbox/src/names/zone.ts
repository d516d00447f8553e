/**
 * The sandbox's own domain. COS keeps the bucket in the host name (`<bucket>.cos.sandbox.test`), so that clients need a DNS that answers for
 * every bucket, as they need one with COS itself. In the cluster that is `dns.ts`; on this machine, without root and without touching its
 * configuration, a Node process is told by importing `this-machine.ts`.
 */
export const zone = 'sandbox.test'
/** Where buckets are: `<bucket>.cos.sandbox.test`. */
export const cosDomain = `cos.${zone}`

export const isInZone = (name: string) => {
  const lowered = name.toLowerCase().replace(/\.$/, '')
  return lowered === zone || lowered.endsWith(`.${zone}`)
}
