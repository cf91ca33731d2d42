import type { Finish } from '../events.ts'
import { objectOf, textOf } from '../json.ts'

/** `incomplete_details.reason`. An unknown one is an answer cut short all the same. */
const reasons: Readonly<Record<string, Finish['reason']>> = {
  max_output_tokens: 'length',
  content_filter: 'refusal'
}

/** The events after which none comes, and the status that each tells where the response does not. */
const terminals: ReadonlyMap<unknown, string> = new Map([
  ['response.completed', 'completed'],
  ['response.incomplete', 'incomplete'],
  ['response.failed', 'failed'],
  ['response.cancelled', 'cancelled'],
  ['response.done', 'completed']
])

/** The status of a response that is at its end with this event; `undefined` where it goes on. */
export function terminalStatus (type: unknown, response: Record<string, unknown>): string | undefined {
  const status = terminals.get(type)
  return type === 'response.done' ? textOf(response.status) ?? status : status
}

/** Whether a response of that status is an error. */
export function isFailure (status: unknown): boolean {
  return status === 'failed' || status === 'cancelled'
}

/** Whether a response of that status is still worked on. */
export function isUnfinished (status: unknown): boolean {
  return status === 'queued' || status === 'in_progress'
}

/** The vendor's word for how a response ended: why it is incomplete, else its status. */
export function finishWord (response: Record<string, unknown>, status: string): string {
  return (status === 'incomplete' ? textOf(objectOf(response.incomplete_details).reason) : undefined) ?? status
}

/**
 * @param word as {@link finishWord} gives it
 * @param called whether the output holds calls of the client's tools
 */
export function decodeFinish (word: string, incomplete: boolean, called: boolean, refused: boolean): Finish {
  if (incomplete) return { reason: (Object.hasOwn(reasons, word) ? reasons[word] : undefined) ?? 'length', raw: word }
  return { reason: called ? 'tool-calls' : refused ? 'refusal' : 'stop', raw: word }
}

/** Words for an answer that ended of itself, by which a refusal in so many words is told from one that was cut off. */
const COMPLETE = new Set(['completed', 'stop'])

/** How a finish is told: the response's status, and why it is incomplete. */
export function encodeFinish ({ reason, raw }: Finish, refused: boolean): { status: 'completed' | 'incomplete', why: 'max_output_tokens' | 'content_filter' | undefined } {
  if (reason === 'length') return { status: 'incomplete', why: 'max_output_tokens' }
  if (reason === 'refusal' && !(refused && COMPLETE.has(raw ?? ''))) return { status: 'incomplete', why: 'content_filter' }
  return { status: 'completed', why: undefined }
}
