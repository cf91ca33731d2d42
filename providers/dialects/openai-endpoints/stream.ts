import type { Fold, Reading, StreamReader, Written } from '../dialect.ts'
import { inPlace, saysError } from '../in-place.ts'
import { isObject, objectOf, objectsOf, parseOrNothing, textOf } from '../json.ts'
import { errors } from '../openai-errors.ts'
import type { SseEvent } from '../sse.ts'
import { readUsage } from './usage.ts'

/**
 * Reads what passes: whole replies, streams of chunks with `choices` that end in `[DONE]`, and streams of typed events.
 *
 * @param last the types of events that end an answer
 */
export function streamOf (last: readonly string[] = []): StreamReader {
  const marks = [...last, '[DONE]', '"finish_reason"', '"usage"', 'error']
  return {
    json: true,
    ...last.length > 0 && { largest: MAX_EVENT },
    matters (frame) {
      const text = frame.toString('latin1')
      return marks.some((mark) => text.includes(mark))
    },
    read ({ event, data }, body) {
      if (data === '[DONE]') return { end: true }
      const chunk = objectOf(body)
      const reading = readingOf(chunk, event === 'error' || chunk.type === 'error')
      const ended = objectsOf(chunk.choices).filter((choice) => textOf(choice.finish_reason) !== undefined)
      if (ended[0] !== undefined) {
        reading.finish = String(ended[0].finish_reason)
        reading.ended = ended.map(({ index }) => typeof index === 'number' ? index : 0)
      } else if (last.includes(String(chunk.type ?? event))) {
        reading.ended = [0]
      }
      if (Array.isArray(chunk.choices) && chunk.choices.length === 0 && reading.usage !== undefined) reading.unasked = true
      return reading
    },
    readWhole (body) {
      const reading = readingOf(body)
      const finish = objectsOf(body.choices).map((choice) => textOf(choice.finish_reason)).find((word) => word !== undefined)
      if (finish !== undefined) reading.finish = finish
      return reading
    },
    fold: () => fold(last),
    ...last.length === 0 && { written },
    unfold: (body) => [{ data: JSON.stringify(body) }]
  }
}

/** The last event of an image holds all of the image. */
const MAX_EVENT = 32 * 1024 * 1024

function readingOf (body: Record<string, unknown>, failed = false): Reading {
  const of = objectOf(body.response)
  const reading: Reading = readUsage(body.usage ?? of.usage ?? objectOf(body.meta).tokens)
  const model = textOf(body.model) ?? textOf(of.model)
  const error = failed || saysError(body.error) ? inPlace(body, errors, true) : undefined
  if (model !== undefined) reading.model = model
  if (error !== undefined) reading.error = error
  return reading
}

/** Text comes in choices, where it is text at all. */
function written ({ choices }: Record<string, unknown>): Written {
  return { text: objectsOf(choices).map(({ text }) => textOf(text) ?? '').join(''), reasoning: '', calls: 0 }
}

/** For the log: chunks put together by the text of their choices, typed events by the last that says all. */
function fold (last: readonly string[]): Fold {
  let reply: Record<string, unknown> = {}
  const choices = new Map<unknown, Record<string, unknown>>()
  return {
    push ({ data }: SseEvent) {
      const chunk = parseOrNothing(data)
      if (!isObject(chunk)) return
      if (last.includes(String(chunk.type))) reply = chunk
      if (!Array.isArray(chunk.choices)) return
      reply = { ...reply, ...chunk }
      for (const { index = 0, text, ...rest } of objectsOf(chunk.choices)) {
        const known = choices.get(index)
        choices.set(index, { ...known, ...rest, index, text: (textOf(known?.text) ?? '') + (textOf(text) ?? '') })
      }
    },
    body: () => choices.size === 0 ? reply : { ...reply, choices: [...choices.values()] }
  }
}
