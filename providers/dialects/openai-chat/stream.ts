import type { Reading, StreamReader } from '../dialect.ts'
import { objectOf, objectsOf, textOf } from '../json.ts'
import { errors } from '../openai-errors.ts'
import { fold, unfold } from './fold.ts'
import { readUsage } from './usage.ts'
import { written } from './written.ts'

/**
 * Reads chunks as they pass. Each is one `data:` line of JSON without an event name; the stream ends with `[DONE]`.
 */
export const stream: StreamReader = {
  matters: (frame) => hasValue(frame, FINISH) || hasValue(frame, USAGE) || hasValue(frame, ERROR) || frame.includes(DONE) || frame.includes(ERROR_EVENT),
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
    const reading = common(body)
    const finish = objectsOf(body.choices).map((choice) => textOf(choice.finish_reason)).find((word) => word !== undefined)
    if (finish !== undefined) reading.finish = finish
    return reading
  },
  fold,
  perCall: 8,
  written,
  unfold
}

function common (body: Record<string, unknown>, failed = false): Reading {
  const reading: Reading = readUsage(usageOf(body))
  const model = textOf(body.model)
  const error = failed || hasError(body) ? errors.decode(body) : undefined
  if (model !== undefined) reading.model = model
  if (error !== undefined) reading.error = error
  return reading
}

/** Where the usage of a chunk or reply is: its own field, or where two vendors put it. */
export function usageOf (body: Record<string, unknown>): unknown {
  return body.usage ?? objectOf(body.x_groq).usage ?? objectsOf(body.choices)[0]?.usage
}

/** An error stands in its own field, or is all there is. */
export function hasError (body: Record<string, unknown>): boolean {
  return textOf(body.error) !== undefined || Object.keys(objectOf(body.error)).length > 0 || body.object === 'error'
}

const FINISH = Buffer.from('"finish_reason"')
const USAGE = Buffer.from('"usage"')
const ERROR = Buffer.from('"error"')
const DONE = Buffer.from('[DONE]')
/** Some servers name their errors so, and nothing else. */
const ERROR_EVENT = Buffer.from('event: error')

/**
 * Whether the bytes hold the field with a value other than null. A quote inside a JSON string is escaped, so text
 * that mentions the field does not look like it.
 */
function hasValue (frame: Buffer, name: Buffer): boolean {
  for (let at = frame.indexOf(name); at !== -1; at = frame.indexOf(name, at)) {
    at += name.length
    while (isSpace(frame[at])) at++
    if (frame[at] !== COLON) {
      // A value, such as the type of an error object.
      if (name === ERROR) return true
      continue
    }
    at++
    while (isSpace(frame[at])) at++
    if (frame[at] !== N) return true
  }
  return false
}

const COLON = 0x3a
const N = 0x6e

function isSpace (byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d
}
