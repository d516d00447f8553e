import { z } from 'zod'
import { dnsLabel, lastDnsLabel, longestName, port, withName } from './addresses.ts'
import { secretName } from './placement.ts'
import { characters, halves, matching, ruled } from './rules.ts'
import { sameAddress, sameFolder } from './same.ts'

/** COS takes keys of up to 850 bytes; the folder leaves room for the longest file name. */
const maxPathBytes = 512
/** What COS takes of tags and of metadata (436/35665, 436/7749). */
const maxTags = 10
const maxTagNameCharacters = 127
const maxMetadataName = 128
const maxMetadataBytes = 2048

/** What no name in a path may have: a slash, a backslash, a control character, half a character. */
const noName = `${String.raw`\/\\\p{Cc}`}${halves}`
/** A name between two slashes, neither `.` nor `..`, which many a client would resolve. */
const segment = String.raw`([^.${noName}][^${noName}]*|\.[^.${noName}][^${noName}]*|\.\.[^${noName}]+)`
const pathPattern = new RegExp(String.raw`^\/?(${segment}(\/${segment})*)?\/?$`, 'u')

const tagPattern = /^[\p{L}\p{N} +\-=._:/@]+$/u
const metadataName = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

const pathSchema = ruled(
  matching(
    z.string().max(maxPathBytes),
    pathPattern,
    'must be a folder such as /lessons/math, without empty names, ., .., backslashes, control characters and halves of characters (U+FFFD stands for one)',
  ),
  (path) => Buffer.byteLength(path) <= maxPathBytes,
  { rule: `size(bytes(self)) <= ${maxPathBytes}`, message: `must have at most ${maxPathBytes} bytes` },
)

const tagsSchema = ruled(
  z
    .record(
      z.string(),
      matching(z.string().min(1).max(255), tagPattern, 'must have letters, digits, blanks and + - = . _ : / @ only'),
    )
    .meta({ maxProperties: maxTags }),
  (tags) =>
    Object.keys(tags).length <= maxTags &&
    Object.keys(tags).every((name) => characters(name) <= maxTagNameCharacters && tagPattern.test(name)),
  {
    rule: `self.all(name, size(name) <= ${maxTagNameCharacters} && name.matches(${JSON.stringify(tagPattern.source)}))`,
    message: `must be at most ${maxTags} tags, their names of up to ${maxTagNameCharacters} letters, digits, blanks and + - = . _ : / @`,
  },
)

const metadataSchema = ruled(
  ruled(
    z
      .record(
        z.string(),
        matching(z.string().min(1).max(1024), /^[!-~]([ -~]*[!-~])?$/, 'must be printable ASCII without blanks at its ends'),
      )
      .meta({ maxProperties: 32 }),
    (metadata) => Object.keys(metadata).every((name) => name.length <= maxMetadataName && metadataName.test(name)),
    {
      rule: `self.all(name, size(name) <= ${maxMetadataName} && name.matches(${JSON.stringify(metadataName.source)}))`,
      message: `must have names of at most ${maxMetadataName} lower-case letters, digits and dashes only`,
    },
  ),
  (metadata) => Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0) <= maxMetadataBytes,
  {
    rule: `self.map(name, size(name) + size(self[name])).sum() <= ${maxMetadataBytes}`,
    message: `must have at most ${maxMetadataBytes} bytes in all`,
  },
)

const longestBucket = 63

/** The bucket stands in front of it, so it is never an address. */
export const endpointPattern = new RegExp(`^https?://(${dnsLabel}\\.)*${lastDnsLabel}(${port})?$`)

const encryptionSchema = ruled(
  z.object({
    type: z
      .enum(['SSE-COS', 'SSE-KMS'])
      .describe('`SSE-COS`: with a key of COS’s own. `SSE-KMS`: with a key of the Key Management Service.'),
    kmsKeyId: matching(z.string().min(1).max(128), /^[A-Za-z0-9-]+$/, 'must be the id of a KMS key: letters, digits and dashes')
      .optional()
      .describe('Key of `SSE-KMS`. COS’s default key where it is not set.'),
  }),
  ({ type, kmsKeyId }) => type === 'SSE-KMS' || kmsKeyId === undefined,
  { rule: "self.type == 'SSE-KMS' || !has(self.kmsKeyId)", message: 'is for SSE-KMS only', fieldPath: '.kmsKeyId' },
)

export const cosSchema = ruled(
  z.object({
    // It becomes a part of a host name that keys are sent to.
    region: z
      .string()
      .min(1)
      .max(63)
      .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)
      .describe('COS region, such as ap-guangzhou.'),
    bucket: z
      .string()
      .min(1)
      .max(longestBucket)
      .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?-[0-9]+$/)
      .describe('Bucket with its APPID suffix, such as lessons-1250000000.'),
    path: pathSchema
      .meta({ same: sameFolder })
      .default('/')
      .describe('Folder in the bucket, such as /lessons. `/` is the root. At most 512 bytes.'),
    credentialsSecretRef: z
      .object({ name: secretName })
      .optional()
      .describe(
        'Secret with keys `secretId` and `secretKey`, for temporary credentials `token` and, if known, `expiredTime` in seconds since 1970. It is read again when Kubernetes changes it. Without it the recorder has the role of its Pod: that of its service account on TKE (OIDC), else that of the node (CAM role).',
      ),
    endpoint: withName(
      matching(
        z.string().max(512),
        endpointPattern,
        'must be scheme, domain and, if need be, port, such as https://cos-internal.ap-guangzhou.tencentcos.cn; the bucket is put in front of the domain, so an IP address cannot work',
      ),
      'https?://',
      longestName - longestBucket - 1,
    )
      .meta({ same: sameAddress })
      .optional()
      .describe(
        'Another domain of COS than the region’s own, such as https://cos-internal.ap-guangzhou.tencentcos.cn, https://cos.accelerate.myqcloud.com or that of a private line: scheme, domain and, if need be, port, without the bucket. The bucket is put in front of it, `<bucket>.<domain>`, and that name has to resolve; COS takes no bucket in the path, so an IP address cannot work.',
      ),
    storageClass: z
      .enum(['STANDARD', 'STANDARD_IA', 'MAZ_STANDARD', 'MAZ_STANDARD_IA', 'INTELLIGENT_TIERING'])
      .optional()
      .describe('COS storage class of the files. The bucket’s default where it is not set.'),
    tags: tagsSchema
      .optional()
      .meta({ absent: '{}' })
      .describe(
        'Object tags of every file, for lifecycle rules and access policies. At most 10; letters, digits, blanks and `+ - = . _ : / @`. The credentials need PutObjectTagging.',
      ),
    metadata: metadataSchema
      .optional()
      .meta({ absent: '{}' })
      .describe(
        'Metadata of every file: `x-cos-meta-<name>`. Names of lower-case letters, digits and dashes, values of printable ASCII, 2048 bytes in all.',
      ),
    encryption: encryptionSchema
      .optional()
      .describe('Encryption of every file in COS. The bucket’s own setting where it is not set.'),
  }),
  ({ endpoint, bucket }) => endpoint?.includes(`://${bucket}.`) !== true,
  {
    rule: "!has(self.endpoint) || !self.endpoint.contains('://' + self.bucket + '.')",
    message: 'must not begin with the bucket, which is put in front of it',
    fieldPath: '.endpoint',
  },
)
export type CosSpec = z.infer<typeof cosSchema>
