import type { CosSpec } from '@trtc-recorder/api'

/**
 * What is said of every object beside its type, as headers of PUT and of InitiateMultipartUpload (436/7749, 436/7746): class, tags,
 * metadata, encryption. Parts inherit it from their upload.
 */
export function objectHeaders({ storageClass, tags = {}, metadata = {}, encryption }: CosSpec): Record<string, string> {
  const tagging = Object.entries(tags).map((pair) => pair.map(encodeURIComponent).join('='))
  const named = Object.entries(metadata).map(([name, value]) => [`x-cos-meta-${name}`, value])
  return {
    ...(storageClass === undefined ? {} : { 'x-cos-storage-class': storageClass }),
    ...(tagging.length === 0 ? {} : { 'x-cos-tagging': tagging.join('&') }),
    ...Object.fromEntries(named),
    ...(encryption === undefined ? {} : encryptionHeaders(encryption)),
  }
}

function encryptionHeaders({ type, kmsKeyId }: NonNullable<CosSpec['encryption']>): Record<string, string> {
  switch (type) {
    case 'SSE-COS':
      return { 'x-cos-server-side-encryption': 'AES256' }
    case 'SSE-KMS':
      return {
        'x-cos-server-side-encryption': 'cos/kms',
        ...(kmsKeyId === undefined ? {} : { 'x-cos-server-side-encryption-cos-kms-key-id': kmsKeyId }),
      }
  }
}
