import type { Reading, StreamReader } from '../dialect.ts'
import { isObject, objectOf, textOf } from '../json.ts'
import { inPlace, saysError } from '../in-place.ts'
import { itemIds } from '../openai-items.ts'
import { errorOf, errors } from './errors.ts'
import { finishWord, isFailure, isUnfinished, terminalStatus } from './finish.ts'
import { fold } from './fold.ts'
import { unfold } from './unfold.ts'
import { readUsage } from './usage.ts'
import { written } from './written.ts'

/**
 * Reads events as they pass: `response.created` with the empty response, then its items piece by piece, then the whole
 * response once more in the event that tells how it ended.
 */
export const stream: StreamReader = {
  json: true,
  // The first and the last events hold the request's instructions and tools, the last one also images made.
  largest: 8 * 1024 * 1024,
  matters: (frame) => TELLS.test(frame.toString('latin1')),
  read ({ event, data }, body) {
    if (data === '[DONE]') return { farewell: true }
    const { type, response, error } = objectOf(body)
    // The vendor goes on to tell which response it was that failed.
    if (type === 'error') return { error: errorOf(objectOf(body)), end: false }
    if (event === 'error' || (type === undefined && saysError(error))) return { error: inPlace(objectOf(body), errors, true), foreign: true }
    if (!isObject(response)) return {}
    const status = terminalStatus(type, response)
    if (status === undefined) return { ...common(response), around: true }
    if (isFailure(status)) return { ...common(response), error: errorOf({ response }), end: true }
    return { ...common(response), finish: finishWord(response, status), ended: [0], end: true }
  },
  readWhole (body) {
    const status = textOf(body.status)
    if (isFailure(status)) return { ...common(body), error: errorOf(body) }
    if (saysError(body.error) || (!Array.isArray(body.output) && body.object !== 'response')) return { ...common(body), error: inPlace(body, errors) }
    return { ...common(body), ...!isUnfinished(status) && { finish: finishWord(body, status ?? 'completed') } }
  },
  fold,
  perCall: 8,
  written,
  hollow: (frame) => HOLLOW.test(frame.toString('latin1')),
  repeats: (frame) => frame.includes(WHOLE),
  unfold
}

function common (response: Record<string, unknown>): Reading {
  const reading: Reading = readUsage(response.usage)
  const id = textOf(response.id)
  const model = textOf(response.model)
  const stored = kept(response)
  if (id !== undefined) reading.id = id
  if (model !== undefined) reading.model = model
  if (stored.length > 0) reading.stored = stored
  return reading
}

/** A response is kept with its items unless it says otherwise, and so is the conversation that it is of. */
function kept ({ id, store, conversation, output }: Record<string, unknown>): string[] {
  const ids = [store === false ? undefined : textOf(id), textOf(conversation) ?? textOf(objectOf(conversation).id)]
  return [...ids.filter((id) => id !== undefined), ...store === false ? [] : itemIds(output)]
}

/** A quote inside a JSON string is escaped, so text that mentions the field does not look like it. */
const TELLS = /"(?:response|error)"|\[DONE\]|event: ?error/
/** Ends the types of events that hold whole what came in pieces. */
const WHOLE = Buffer.from('.done"')

/** A piece of text or of arguments that is empty. */
const HOLLOW = /"delta": ?""/
