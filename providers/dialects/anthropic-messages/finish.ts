import type { Finish } from '../events.ts'
import { objectOf, textOf } from '../json.ts'

type Reason = Finish['reason']

/** `stop_reason`. An unknown one is the end of an answer all the same. */
const reasons: Readonly<Record<string, Reason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool-calls',
  refusal: 'refusal',
  pause_turn: 'pause'
}

const words: Readonly<Record<Reason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  refusal: 'refusal',
  pause: 'pause_turn'
}

/** @param delta of `message_delta`; `undefined` where it names no reason yet */
export function decodeFinish (delta: Record<string, unknown>): Finish | undefined {
  const word = textOf(delta.stop_reason)
  if (word === undefined) return undefined
  const finish: Finish = { reason: reasonOf(word) ?? 'stop', raw: word }
  const sequence = textOf(delta.stop_sequence)
  if (sequence !== undefined) finish.stopSequence = sequence
  const explanation = textOf(objectOf(delta.stop_details).explanation)
  if (explanation !== undefined) finish.explanation = explanation
  return finish
}

/** The fields of `message_delta.delta`. */
export function encodeFinish ({ reason, raw, stopSequence, explanation }: Finish): Record<string, unknown> {
  const word = reason === 'stop' && stopSequence !== undefined ? 'stop_sequence' : words[reason]
  return {
    stop_reason: raw !== undefined && reasonOf(raw) === reason ? raw : word,
    stop_sequence: stopSequence ?? null,
    ...explanation !== undefined && { stop_details: { type: 'refusal', category: null, explanation } }
  }
}

function reasonOf (word: string): Reason | undefined {
  return Object.hasOwn(reasons, word) ? reasons[word] : undefined
}
