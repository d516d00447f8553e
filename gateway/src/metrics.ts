import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'

export interface Answered {
  action: string
  /** `OK`, or the refusal. */
  code: string
  seconds: number
}

/** None is labelled by a caller, a room or a request: their number has no bound. */
export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const answered = new Counter({
    name: 'trtc_recorder_gateway_requests_total',
    help: 'Requests answered, by what was asked and what came of it.',
    labelNames: ['action', 'code'],
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'trtc_recorder_gateway_request_seconds',
    help: 'How long answers took.',
    labelNames: ['action'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5],
    registers: [registry],
  })
  return {
    registry,
    answered({ action, code, seconds }: Answered) {
      answered.inc({ action, code })
      duration.observe({ action }, seconds)
    },
  }
}
export type Metrics = ReturnType<typeof createMetrics>
