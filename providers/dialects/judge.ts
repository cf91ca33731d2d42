import { Ajv } from 'ajv'
import type { ErrorObject, ValidateFunction } from 'ajv'
import type { TSchema } from 'typebox'
import { BadRequest } from './dialect.ts'
import type { Call, Dialect } from './dialect.ts'

/** Judges, and never edits: no coercion, no defaults, nothing removed. The schemas are our own, and taken as they are. */
const ajv = new Ajv({ meta: false, validateSchema: false, strict: false, coerceTypes: false, useDefaults: false, removeAdditional: false })

const compiled = new WeakMap<TSchema, ValidateFunction>()

/**
 * Judges a body that is to pass through: as little as admission needs to know. The provider is the judge of the rest.
 *
 * @throws {BadRequest} naming the field
 */
export function admit (dialect: Dialect, { fields, mentions = [] }: Admissible): Call {
  check(dialect.admission, fields)
  const call = dialect.peek(fields)
  return mentions.length === 0 ? call : { ...call, mentions }
}

/** What is judged of a body. */
export interface Admissible {
  fields: Record<string, unknown>
  /** What the dialect's `references` finds. */
  mentions?: NonNullable<Call['mentions']>
}

/**
 * Judges a value against a schema, each compiled once.
 *
 * @throws {BadRequest} naming the field at fault as a client would write it: `messages[2].content`
 */
export function check (schema: TSchema, value: unknown): void {
  let validate = compiled.get(schema)
  if (validate === undefined) {
    validate = ajv.compile(schema)
    compiled.set(schema, validate)
  }
  if (!validate(value)) throw fault(validate.errors ?? [])
}

/** The deepest error is the most exact one: a union reports one for each branch and one for itself. */
function fault (errors: ErrorObject[]): BadRequest {
  const named = errors.filter(({ keyword }) => keyword !== 'anyOf')
  const deepest = Math.max(...named.map(depth))
  const there = named.filter((error) => depth(error) === deepest)
  const [first] = there
  if (first === undefined) return new BadRequest('', 'The request body is not valid.')
  const path = fieldName(first)
  if (first.keyword === 'required') return new BadRequest(path, `${path} is missing.`)
  const types = there.filter(({ keyword }) => keyword === 'type').flatMap(({ params }) => String(params.type).split(','))
  const expected = types.filter((type) => type !== 'null')
  if (expected.length > 0) return new BadRequest(path, `${path} must be ${[...new Set(expected)].map(withArticle).join(' or ')}.`)
  if (first.keyword === 'minLength') return new BadRequest(path, `${path} must not be empty.`)
  if (first.keyword === 'enum') return new BadRequest(path, `${path} must be one of ${(first.params.allowedValues as unknown[]).map(String).join(', ')}.`)
  return new BadRequest(path, `${path} ${first.message ?? 'is not valid'}.`)
}

function depth (error: ErrorObject): number {
  return error.instancePath.split('/').length + (error.keyword === 'required' ? 1 : 0)
}

function fieldName ({ instancePath, keyword, params }: ErrorObject): string {
  const steps = instancePath.split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (keyword === 'required') steps.push(String(params.missingProperty))
  return steps.reduce((path, step) => /^\d+$/.test(step) ? `${path}[${step}]` : path === '' ? step : `${path}.${step}`, '')
}

function withArticle (type: string): string {
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`
}
