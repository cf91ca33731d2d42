import { Ajv, type Options } from 'ajv'

/**
 * A validator for schemas of our own. It takes them as they are, since to make the judge of schemas for each validator is
 * the larger part of a start; a test judges them.
 */
export function validator (options: Options = {}): Ajv {
  const ajv = new Ajv({ ...options, meta: false, validateSchema: false })
  // Sentences for messages, which judge nothing.
  ajv.addKeyword('errorMessage')
  return ajv
}
