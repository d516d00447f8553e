/** What kubectl says where the API server lets its user do nothing, and what would be right. */

/** What would help with what kubectl said on stderr; undefined where that says enough. Pure. */
export function whatIsMissing(said: string): string | undefined {
  const forbidden =
    /cannot (\w+) resource "([\w./]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?/.exec(said) ?? undefined
  if (forbidden !== undefined) {
    const [, verb = '', resource = '', group = '', namespace] = forbidden
    const full = group === '' ? resource : `${resource}.${group}`
    const role = reading.includes(verb) ? 'view' : 'edit'
    const where = namespace === undefined ? '' : ` in namespace ${namespace}`
    const ours = full.endsWith('.trtc-recorder.dev')
    const unless = ours ? ', unless the chart was installed with rbac.aggregate=false, or with watchNamespaces' : ''
    const flag = namespace === undefined ? '' : ` -n ${namespace}`
    const command = `kubectl create role NAME${flag} --verb=${verb} --resource=${full}`
    return `Missing is the right to ${verb} ${full}${where}. The role ${role} has it${unless}; an administrator can also give it alone: ${command}`
  }
  if (/doesn't have a resource type|no matches for kind/.test(said))
    return 'trtc-recorder is not installed in this cluster, or this is another one: see --context and --kubeconfig.'
  return undefined
}

const reading: readonly string[] = ['get', 'list', 'watch']
