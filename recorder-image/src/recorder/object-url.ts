import type { RecorderJob } from '@trtc-recorder/api'

/** Address of an object in COS: by virtual host at Tencent, by path at an endpoint of the user's own. */
export function objectUrl(cos: RecorderJob['spec']['cos'], key: string): string {
  const path = key.split('/').map(encodeURIComponent).join('/')
  return cos.endpoint ? `${cos.endpoint}/${cos.bucket}/${path}` : `https://${cos.bucket}.cos.${cos.region}.myqcloud.com/${path}`
}
