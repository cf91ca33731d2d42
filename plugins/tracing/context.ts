import type { IncomingHttpHeaders } from 'node:http'

/** Where in which trace something happens, as W3C's Trace Context tells it: https://www.w3.org/TR/trace-context-2/ */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  traceId: string
  /** 16 of them. */
  spanId: string
  flags: number
  /** What tracing systems have to say to themselves. */
  state: string | undefined
}

const SAMPLED = 0x01
/** Of level 2: the trace's id is random. */
const RANDOM = 0x02
export const KNOWN_FLAGS = SAMPLED | RANDOM

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const MEMBER = /^([a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
const MOST_MEMBERS = 32
/** Characters that every system carries on. */
const MOST_STATE = 512
/** Characters of a member that goes first where there are too many. */
const LONG_MEMBER = 128

/** @returns `undefined` where no trace was begun, or the header that says so is not right in every point */
export function readContext ({ traceparent, tracestate }: IncomingHttpHeaders): TraceContext | undefined {
  if (typeof traceparent !== 'string') return undefined
  const [, version, traceId, spanId, flags, more] = PARENT.exec(traceparent) ?? []
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined
  // A later version may say more; one of ours does not.
  if (version === 'ff' || (version === '00' && more !== undefined) || isZero(traceId) || isZero(spanId)) return undefined
  return { traceId, spanId, flags: parseInt(flags, 16) & KNOWN_FLAGS, state: typeof tracestate === 'string' ? readState(tracestate) : undefined }
}

/** The same, for whoever is next. */
export function writeContext ({ traceId, spanId, flags, state }: TraceContext): Record<string, string> {
  return {
    traceparent: `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`,
    ...state !== undefined && { tracestate: state }
  }
}

/** All of it, or nothing where it is not right; of what is too long, whole members are left out. */
function readState (text: string): string | undefined {
  const members = text.split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, '')).filter((member) => member !== '')
  const names = new Set(members.map((member) => member.slice(0, member.indexOf('='))))
  if (members.length > MOST_MEMBERS || names.size < members.length || !members.every((member) => MEMBER.test(member))) return undefined
  const whole = members.join(',')
  const kept = whole.length <= MOST_STATE ? whole : cut(members.filter((member) => member.length <= LONG_MEMBER))
  return kept === '' ? undefined : kept
}

/** The first were written last, and are the ones that count. */
function cut (members: string[]): string {
  let kept = members.join(',')
  while (kept.length > MOST_STATE) kept = kept.slice(0, kept.lastIndexOf(','))
  return kept
}

function isZero (id: string): boolean {
  return /^0+$/.test(id)
}
