import { Ajv, type Options } from 'ajv'

/**
 * A validator for schemas of our own. It takes them as they are, since to make the judge of schemas for each validator is
 * the larger part of a start; a test judges them. Nor does it polish the code it makes of them, which judges a file now and then.
 */
export function validator (options: Options = {}): Ajv {
  const ajv = new Ajv({ ...options, meta: false, validateSchema: false, code: { optimize: false } })
  // Sentences for messages, which judge nothing.
  ajv.addKeyword('errorMessage')
  return ajv
}
