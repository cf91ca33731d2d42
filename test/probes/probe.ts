/**
 * One thing that a client's request can say, by the documented path of its field: what it adds to a plain request, and
 * what the request says instead where it does not say that.
 */
export interface Probe {
  field: string
  says: Record<string, unknown>
  unless?: Record<string, unknown>
  /** Why it may vanish without a word: it says what is so anyway, or is nobody's business but the gateway's. */
  moot?: string
}

/** Everything that requests of a dialect can say. */
export interface Probes {
  dialect: string
  /** The plain request, which every probe is laid over, field by field. */
  plain: Record<string, unknown>
  probes: Probe[]
}

/** A probe of a field of its own, or of a value of it. */
export function probe (field: string, says: Record<string, unknown>, unless?: Record<string, unknown>): Probe {
  return unless === undefined ? { field, says } : { field, says, unless }
}

/** What may vanish without a word, and why. */
export function moot (field: string, moot: string, says: Record<string, unknown>, unless?: Record<string, unknown>): Probe {
  return { ...probe(field, says, unless), moot }
}

export const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }
export const PNG = 'iVBORw0KGgo='
export const PDF = 'JVBERi0xLjQK'
