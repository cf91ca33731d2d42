import type { Reading, StreamReader } from '../dialect.ts'
import { isObject, objectOf, objectsOf, textOf } from '../json.ts'
import { inPlace, saysError } from '../in-place.ts'
import { errors } from '../openai-errors.ts'
import { fold, unfold } from './fold.ts'
import { readUsage } from './usage.ts'
import { written } from './written.ts'

/**
 * Reads chunks as they pass. Each is one `data:` line of JSON without an event name; the stream ends with `[DONE]`.
 */
export const stream: StreamReader = {
  json: true,
  matters: (frame) => TELLS.test(frame.toString('latin1')),
  read ({ event, data }, body) {
    if (data === '[DONE]') return { end: true }
    const chunk = objectOf(body)
    const reading = common(chunk, event === 'error')
    const ended = objectsOf(chunk.choices).filter((choice) => textOf(choice.finish_reason) !== undefined)
    if (ended[0] !== undefined) {
      reading.finish = String(ended[0].finish_reason)
      reading.ended = ended.map(({ index }) => typeof index === 'number' ? index : 0)
    }
    if (Array.isArray(chunk.choices) && chunk.choices.length === 0 && reading.usage !== undefined) reading.unasked = true
    return reading
  },
  readWhole (body) {
    if (!Array.isArray(body.choices)) return { error: inPlace(body, errors) }
    const reading = common(body)
    const finish = objectsOf(body.choices).map((choice) => textOf(choice.finish_reason)).find((word) => word !== undefined)
    if (finish !== undefined) reading.finish = finish
    return reading
  },
  fold,
  perCall: 8,
  written,
  hollow: (frame) => HOLLOW.test(frame.toString('latin1')),
  unfold
}

function common (body: Record<string, unknown>, failed = false): Reading {
  const reading: Reading = readUsage(usageOf(body))
  const model = textOf(body.model)
  const error = failed || hasError(body) ? inPlace(body, errors, true) : undefined
  if (model !== undefined) reading.model = model
  if (error !== undefined) Object.assign(reading, { error, ...!isObject(body.error) && { foreign: true } })
  return reading
}

/** Where the usage of a chunk or reply is: its own field, or where two vendors put it. */
export function usageOf (body: Record<string, unknown>): unknown {
  return body.usage ?? objectOf(body.x_groq).usage ?? objectsOf(body.choices)[0]?.usage
}

/** An error stands in its own field, or is all there is. */
export function hasError (body: Record<string, unknown>): boolean {
  return saysError(body.error) || body.object === 'error'
}

/**
 * A field that tells something, unless it is null; the stream's last word; or the event name that some servers give to
 * errors, and to nothing else. A quote inside a JSON string is escaped, so text that mentions a field does not look like it.
 */
const TELLS = /"(?:finish_reason|usage|error)"(?!\s*:\s*n)|\[DONE\]|event: ?error/

/** A delta whose fields are all empty, or no choice and no usage. */
const HOLLOW = /"delta": ?\{(?:"\w+": ?(?:""|null|\[\]|\{\}|"assistant")(?:, ?)?)*\}(?!.*"delta":)|"choices": ?\[\](?!.*"usage": ?\{)/
