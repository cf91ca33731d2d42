import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { GatewayError } from '../../plugins/errors.ts'
import { isDate, parseMoment } from '../../plugins/moment.ts'
import { nearest } from '../../plugins/nearest.ts'
import { isTimeZone } from '../../plugins/keys/limits.ts'
import { validator } from '../../plugins/validator.ts'
import { startOfDate } from '../../plugins/ledger/reports/days.ts'

const ajv = validator({ coerceTypes: true, useDefaults: true })

interface QuerySchema { properties: Record<string, { errorMessage?: string }> }

/** Judges a query string by its schema. A name that the path does not take is a fault: a misspelt filter would show all. */
export const strictQuery: FastifySchemaCompiler<TSchema> = ({ schema }) => {
  const validate = ajv.compile(schema)
  const { properties } = schema as unknown as QuerySchema
  return (query: unknown) => {
    if (validate(query)) return { value: query }
    const [error] = validate.errors ?? []
    const unknown: unknown = error?.params['additionalProperty']
    if (typeof unknown === 'string') {
      const near = nearest(unknown, Object.keys(properties))
      const hint = near === undefined ? '' : ` Did you mean "${near}"?`
      return { error: invalid(unknown.slice(0, 40), `Unknown query parameter ${JSON.stringify(unknown.slice(0, 40))}.${hint} This path takes: ${Object.keys(properties).join(', ') || 'none'}.`) }
    }
    const name = error?.instancePath.split('/')[1] ?? ''
    return { error: invalid(name, `"${name}" ${properties[name]?.errorMessage ?? 'must be given once'}.`) }
  }
}

/** @param message a sentence that names the parameter */
export function invalid (param: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { message, param })
}

/**
 * A moment as it is asked for: a date, which begins in the time zone, or date and time with its zone.
 *
 * @returns ms since 1970
 * @throws {GatewayError}
 */
export function momentOf (name: string, text: string, timezone = 'UTC'): number {
  const time = parseMoment(text)
  if (time === undefined) throw invalid(name, `"${name}" must be a date such as 2026-11-26, or a date and time with its zone, such as 2026-11-26T15:30:00Z.`)
  return isDate(text) ? startOfDate(text, timezone) : time
}

/** @throws {GatewayError} */
export function timeZoneOf (text: string): string {
  if (!isTimeZone(text)) throw invalid('timezone', '"timezone" must be such as Europe/Berlin or UTC.')
  return text
}
