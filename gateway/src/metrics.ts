import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import { eventNames } from './events/event.ts'
import type { EventOutcome } from './events/sessions.ts'

export interface Answered {
  action: string
  /** `OK`, or the refusal. */
  code: string
  seconds: number
}

export interface HeardEvent {
  /** TRTC’s name of it, or its numbers where it is not known. */
  event: string
  outcome: EventOutcome
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
  const events = new Counter({
    name: 'trtc_recorder_gateway_events_total',
    help: 'Events of TRTC heard, and what came of them, for each policy.',
    labelNames: ['event', 'outcome'],
    registers: [registry],
  })
  return {
    registry,
    answered({ action, code, seconds }: Answered) {
      answered.inc({ action, code })
      duration.observe({ action }, seconds)
    },
    heard({ event, outcome }: HeardEvent) {
      events.inc({ event: eventNames.includes(event) ? event : 'other', outcome })
    },
  }
}
export type Metrics = ReturnType<typeof createMetrics>
