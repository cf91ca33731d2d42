import type { Dialect } from '../../providers/dialects/dialect.ts'
import type { ReplyStream } from '../../providers/dialects/reply.ts'
import { isEventStream, type Headers } from './headers.ts'

/** A reply that is neither JSON nor a stream of events, such as speech. Its bytes pass as they come. */
export interface Media {
  /** The content type that goes out. */
  type: string
  /** In bytes, where the provider says so. */
  length: number | undefined
  /** Whether the log holds it: bytes that are no text it only counts. */
  text: boolean
}

/** What a browser does nothing with but show or play it. Anything else goes out as bytes, never as a page. */
const SAFE = /^(audio\/|video\/|image\/(?!svg)|text\/(plain|vtt|srt|csv)|application\/(json|jsonl|pdf|x-ndjson|x-subrip|octet-stream))/i
const TYPE = /^[\w.+-]+\/[\w.+-]+(;\s*[\w-]+="?[\w.-]+"?)*$/

/**
 * What the reply's type makes of it: media where the dialect expects that type, or where any is good; else `undefined`.
 *
 * @param any set where a client asked for what it has itself stored
 */
export function mediaOf (headers: Headers, { media = [] }: Dialect, any: boolean): Media | undefined {
  const type = String(headers['content-type'] ?? '').toLowerCase().trim()
  if (!any && (isEventStream(headers) || !media.some((begin) => type.startsWith(begin)))) return undefined
  const length = headers['content-encoding'] === undefined ? Number(headers['content-length']) : NaN
  return {
    type: SAFE.test(type) && TYPE.test(type) ? type : 'application/octet-stream',
    length: Number.isSafeInteger(length) && length >= 0 ? length : undefined,
    text: /^(text\/|application\/x-subrip)/.test(type) && !any
  }
}

/** Media as a stream: nothing of it is read. */
export function mediaStream (): ReplyStream {
  return {
    push: (chunk) => chunk,
    told: 0,
    done: false,
    ended: false,
    betweenEvents: false,
    stored: [],
    end: () => ({ truncated: false, usage: undefined, model: undefined, finish: undefined, error: undefined, stored: [] }),
    // No word of ours has a place in it.
    fail: () => Buffer.alloc(0)
  }
}
