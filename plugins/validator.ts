import { _, Ajv, type Options, type ValidateFunction } from 'ajv'
import type { TSchema } from 'typebox'

/**
 * A validator for schemas of our own. It takes them as they are, since to make the judge of schemas for each validator is
 * the larger part of a start; a test judges them. Nor does it polish the code it makes of them, which judges a file now and then.
 */
export function validator ({ code, ...options }: Options = {}): Ajv {
  const ajv = new Ajv({ ...options, meta: false, validateSchema: false, code: { optimize: false, ...code } })
  // Sentences for messages, which judge nothing.
  ajv.addKeyword('errorMessage')
  return ajv
}

/** A judge of one schema, with what the build needs to write it down as code. */
export interface Judge<T> extends ValidateFunction<T> { ajv: Ajv }

/**
 * A judge that a start needs, in a module by itself, `validate-….ts`: to make one takes some tens of milliseconds, and so the
 * build puts the code that comes of it in the module's place (scripts/bundle.ts). Its `formats`, if any, are imported by that name.
 */
export function judgeOf<T> (schema: TSchema, options: Options = {}): Judge<T> {
  const ajv = validator({ ...options, code: { source: true, esm: true, formats: _`formats` } })
  return Object.assign(ajv.compile<T>(schema), { ajv })
}
