import type { RecorderJob } from '@trtc-recorder/api'

/** Address of an object in COS. The bucket stands in front of the domain, be it the region's own or the one in `cos.endpoint`. */
export function objectUrl({ bucket, region, endpoint }: RecorderJob['spec']['cos'], key: string): string {
  const [scheme, domain] = endpoint?.split('://') ?? ['https', `cos.${region}.myqcloud.com`]
  return `${scheme}://${bucket}.${domain}/${key.split('/').map(encodeURIComponent).join('/')}`
}
