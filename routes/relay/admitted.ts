import type { Call, Dialect } from '../../providers/dialects/dialect.ts'
import type { Exchange } from '../../plugins/logging/exchange.ts'
import type { Recorder } from '../../plugins/logging/index.ts'
import type { Hold } from '../../plugins/quota/index.ts'
import type { OwnList } from '../stored/list.ts'
import type { Drains } from './drains.ts'
import type { Way, Ways } from './ways.ts'

/** A request that may go out: judged, counted, and on record. */
export interface Admitted extends Way {
  dialect: Dialect
  call: Call
  /** The client's body, parsed. */
  request: Record<string, unknown>
  /** Where it may go, in the order in which they are to be tried. Which of them it goes is told by `target` and `outgoing`. */
  ways: Ways
  hold: Hold
  exchange: Exchange
  recorder: Recorder | undefined
  redact: (text: string) => string
  kept: Kept
  drains: Drains
}

/** What a request does to what the provider keeps, beyond reading it. */
export interface Kept {
  /** Cuts the reply, a list, to what is the key's own. */
  list?: OwnList
  /** The id of what is gone once the provider has agreed. */
  removes?: string
  /** Whether the reply is a client's own content, of whatever type. */
  content?: boolean
}
