import type { Finish } from '../events.ts'

type Reason = Finish['reason']

/** `finish_reason`, in the vendor's words and in those of servers that speak the dialect with words of their own. */
const reasons: Readonly<Record<string, Reason>> = {
  stop: 'stop',
  eos: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop',
  length: 'length',
  max_tokens: 'length',
  model_length: 'length',
  insufficient_system_resource: 'length',
  tool_calls: 'tool-calls',
  tool_use: 'tool-calls',
  function_call: 'tool-calls',
  content_filter: 'refusal',
  refusal: 'refusal'
}

const words: Readonly<Record<Reason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  refusal: 'content_filter',
  pause: 'stop'
}

/**
 * @param word absent where the stream ended properly without one, as some servers do
 * @param called whether the reply holds tool calls: `stop` is also said beside a call that the client had forced
 */
export function decodeFinish (word: string | undefined, called: boolean, refused: boolean): Finish {
  const reason = Object.hasOwn(reasons, word ?? '') ? reasons[word ?? ''] as Reason : 'stop'
  const meant = reason !== 'stop' ? reason : called ? 'tool-calls' : refused ? 'refusal' : 'stop'
  return word === undefined ? { reason: meant } : { reason: meant, raw: word }
}

export function encodeFinish ({ reason, raw }: Finish): string {
  return raw === 'stop' ? raw : words[reason]
}
