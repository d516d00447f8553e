import { z } from 'zod'
import { cosOperations } from './operation.ts'

export const requestRecordSchema = z.object({
  sequence: z.int().describe('Number of the request, from 1.'),
  time: z.iso.datetime(),
  requestId: z.string(),
  method: z.string(),
  operation: z.enum(cosOperations).optional().describe('Missing where the request line made no sense.'),
  bucket: z.string(),
  key: z.string(),
  partNumber: z.int().optional(),
  uploadId: z.string().optional(),
  bytes: z.int().describe('Bytes of the body that arrived.'),
  status: z.int().describe('HTTP status of the answer; 0 where there was none.'),
  code: z.string().optional().describe('COS error code.'),
  fault: z.string().optional().describe('Fault that the request met.'),
})
export type RequestRecord = z.infer<typeof requestRecordSchema>

export const requestFilterSchema = z.object({
  operation: z.enum(cosOperations).optional(),
  bucket: z.string().optional(),
  key: z.string().optional().describe('Regular expression on the key.'),
  status: z.int().optional(),
  code: z.string().optional(),
  after: z.int().optional().describe('Only requests with a higher sequence number.'),
})
export type RequestFilter = z.infer<typeof requestFilterSchema>

/** Answered requests, in the order of their answers, and whoever waits for one. */
export class RequestLog {
  #records: RequestRecord[] = []
  #sequence = 0
  #listeners = new Set<() => void>()

  add(record: Omit<RequestRecord, 'sequence'>): void {
    this.#records.push({ sequence: ++this.#sequence, ...record })
    for (const listener of this.#listeners) listener()
  }

  clear(): void {
    this.#records = []
  }

  find(filter: RequestFilter): RequestRecord[] {
    const key = filter.key === undefined ? undefined : new RegExp(filter.key)
    return this.#records.filter(
      (record) =>
        (filter.operation === undefined || record.operation === filter.operation) &&
        (filter.bucket === undefined || record.bucket === filter.bucket) &&
        (key === undefined || key.test(record.key)) &&
        (filter.status === undefined || record.status === filter.status) &&
        (filter.code === undefined || record.code === filter.code) &&
        (filter.after === undefined || record.sequence > filter.after),
    )
  }

  /** Resolves with the matching requests once there are `count`, or with those there are when the time is up. */
  waitFor(filter: RequestFilter, count: number, timeoutMillis: number): Promise<RequestRecord[]> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer)
        this.#listeners.delete(check)
        resolve(this.find(filter))
      }
      const check = () => {
        if (this.find(filter).length >= count) finish()
      }
      const timer = setTimeout(finish, timeoutMillis)
      this.#listeners.add(check)
      check()
    })
  }
}
