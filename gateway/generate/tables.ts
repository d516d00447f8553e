import { trtcEventTypes } from '@trtc-recorder/api'
import { code, table } from '../../api/generate/tables.ts'
import { type Refusal, refusals } from '../src/errors.ts'
import { eventOutcomes } from '../src/events/sessions.ts'
import { templateFields } from '../src/template/fields.ts'
import { type Action, actions, type Handling, trtcFields } from '../src/trtc/fields.ts'

/** The tables of docs/migrating.md and docs/gateway.md, by the name that stands in their markers. */
export const migratingTables = (): Record<string, string> => ({
  template: table(
    ['Field', 'Type', 'Needed', 'Here'],
    templateFields.map(({ field, type, need, here }) => [code(field), type, need, here]),
  ),
  ...Object.fromEntries(actions.map((action) => [action, actionTable(action)])),
  trtcEvents: table(
    ['Event', 'Here'],
    Object.entries(trtcEventTypes).map(([type, event]) => [
      `${type} ${event.name}`,
      event.is === 'sent' ? event.when : `**never**: ${event.why}`,
    ]),
  ),
})

export const gatewayTables = (): Record<string, string> => ({
  refusals: table(
    ['Code', 'HTTP', 'Meaning'],
    (Object.keys(refusals) as Refusal[]).map((word) => [code(word), String(refusals[word].status), refusals[word].meaning]),
  ),
})

export const autoRecordTables = (): Record<string, string> => ({
  eventOutcomes: table(
    ['Outcome', 'Meaning'],
    Object.entries(eventOutcomes).map(([word, meaning]) => [code(word), meaning]),
  ),
})

const actionTable = (action: Action) =>
  table(
    ['Field', 'Type', 'Needed', 'Values (**default**)', 'Here'],
    trtcFields[action].map(({ field, type, need, values, handling }) => [
      code(field),
      type === 'Any' ? '' : type,
      need === 'required' ? '**yes**' : '',
      values,
      handlingText(handling),
    ]),
  )

function handlingText(handling: Handling): string {
  switch (handling.is) {
    case 'honoured':
      return `Honoured. ${handling.how}`
    case 'limited':
      return `${handling.to.join(', ')}: ${handling.how} Else refused: ${handling.otherwise}.`
    case 'refused':
      return `**Refused**: ${handling.why}.`
  }
}
