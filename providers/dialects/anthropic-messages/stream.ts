import type { Reading, StreamReader } from '../dialect.ts'
import { inPlace, saysError } from '../in-place.ts'
import { objectOf, textOf } from '../json.ts'
import { errors } from './errors.ts'
import { fold, unfold } from './fold.ts'
import { readUsage } from './usage.ts'
import { written } from './written.ts'

/**
 * Reads events as they pass: `message_start`, then blocks, then `message_delta` with the stop reason and
 * `message_stop`, which ends the stream. Usage begins in the first and is completed by the second last.
 */
export const stream: StreamReader = {
  json: true,
  matters: (frame) => TELLS.test(frame.toString('latin1')),
  read ({ event }, body) {
    const { type, message, delta, usage, error } = objectOf(body)
    if (type === 'message_start') return common(objectOf(message))
    if (type === 'message_stop') return { end: true }
    if (type === 'message_delta') return { ...common({ usage }), ...finishOf(objectOf(delta)) }
    if (type !== 'error' && event !== 'error' && (type !== undefined || !saysError(error))) return {}
    const own = type === 'error' && textOf(objectOf(error).message) !== undefined
    return { error: inPlace(objectOf(body), errors, true), ...!own && { foreign: true } }
  },
  readWhole (body) {
    if (saysError(body.error) || (!Array.isArray(body.content) && body.type !== 'message')) return { error: inPlace(body, errors) }
    return { ...common(body), ...finishOf(body) }
  },
  fold,
  perCall: 40,
  written,
  hollow: (frame) => HOLLOW.test(frame.toString('latin1')),
  unfold
}

function common (message: Record<string, unknown>): Reading {
  const model = textOf(message.model)
  return { ...model !== undefined && { model }, ...readUsage(message.usage) }
}

function finishOf (delta: Record<string, unknown>): Reading {
  const finish = textOf(delta.stop_reason)
  return finish === undefined ? {} : { finish, ended: [0] }
}

/** A quote inside a JSON string is escaped, so text that mentions an event's type does not look like one. */
const TELLS = /"message_|"error"|event: ?error/

/** A piece of text, thought or arguments that is empty. */
const HOLLOW = /"(?:text|thinking|partial_json)": ?"" ?\}/
