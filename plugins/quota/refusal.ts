import { formatWait } from '../../providers/dialects/wait.ts'
import { GatewayError } from '../errors.ts'
import type { Limit } from '../keys/limits.ts'
import { groupOf } from '../keys/owner.ts'
import { formatDollars } from '../money.ts'
import type { Level } from './store.ts'

/** What a limit refused. */
export interface Refusal {
  limit: Limit
  /** What the request takes of it at least. */
  need: number
  level: Level
  /** How much of that level is held by requests under way, and may come back. */
  underWay: number
  /** The largest cap on its output with which the request would go through at once, where one would, as its client says it. */
  fitting?: { name: string, tokens: number }
  /** How the key stands in its limits on requests. */
  headers: Record<string, string>
}

/** Longer waits than this an SDK does not sit out: it should tell its caller instead of trying again. */
const PATIENCE = 60_000
/** Seconds after which requests under way may have made room. */
const SOON = 5
/** ms of the windows that begin with their first request, for a limit of zero, which opens none. */
const LENGTHS: Partial<Record<Limit['per'], number>> = { minute: 60_000, hour: 3_600_000 }

/** The error of a limit: which one, how much of it is left, when there is more, and who can raise it. */
export function refusal (refused: Refusal): GatewayError {
  const { limit: { name, unit }, fitting, headers } = refused
  const { when, seconds, retry } = outlook(refused)
  return new GatewayError(unit === 'money' ? 'budget_exceeded' : 'rate_limit_exceeded', {
    message: [
      what(refused),
      when,
      ...fitting === undefined ? [] : [`With ${fitting.name} at ${fitting.tokens} or less it goes through at once.`],
      remedy(refused.limit)
    ].join(' '),
    ...unit === 'tokens' && { limited: unit },
    ...unit !== 'money' && retry === false && seconds !== undefined && { resetsAt: Date.now() + seconds * 1000 },
    limit: name,
    headers: {
      ...headers,
      ...seconds !== undefined && { 'retry-after': String(seconds) },
      ...retry !== undefined && { 'x-should-retry': String(retry) }
    }
  })
}

function what ({ limit, need, level }: Refusal): string {
  const { unit, per } = limit
  const amount = (units: number): string => unit === 'money' ? `$${formatDollars(units)}` : String(units)
  const left = amount(Math.max(0, limit.limit - level.used))
  switch (unit) {
    case 'parallel': return `${capital(ownerOf(limit))} may have ${limit.limit} requests at the same time, and has ${level.used}.`
    case 'requests': return need === 1
      ? `${capital(ownerOf(limit))} has used its ${limit.limit} requests ${WORDS[per]}.`
      : `This asks for ${need} requests at once, and of its ${limit.limit} ${WORDS[per]} ${ownerOf(limit, 'the key')} has ${left} left.`
    case 'tokens': return `This may take ${need} tokens, and of its ${limit.limit} ${WORDS[per]} ${ownerOf(limit)} has ${left} left.`
    case 'money': return `This may cost ${amount(need)}, and of its budget of ${amount(limit.limit)} ${WORDS[per]} ${ownerOf(limit)} has ${left} left.`
  }
}

const WORDS: Record<Limit['per'], string> = {
  minute: 'a minute', hour: 'an hour', day: 'a day', week: 'a week', month: 'a month', total: 'in all', held: 'at once'
}

/** When it is worth asking again. `retry` is set where clients would judge it wrongly by themselves. */
function outlook ({ limit: { limit, unit, per }, need, level: { used, resetIn }, underWay }: Refusal): { when: string, seconds?: number, retry?: boolean } {
  if (limit === 0) {
    const wait = LENGTHS[per] ?? resetIn
    return { when: 'It allows none.', ...wait > 0 && wait < Infinity && { seconds: Math.ceil(wait / 1000) }, retry: false }
  }
  if (unit === 'parallel') return { when: 'Try again when one has ended.', seconds: 1 }
  if (need > limit) return { when: 'That is more than the whole of it: send less, or a lower cap on the output.', retry: false }
  // What is counted as a request stays counted; of what is held for tokens most comes back.
  if (unit !== 'requests' && used - underWay + need <= limit) {
    return { when: 'Requests under way hold the rest: try again when they have ended.', seconds: SOON, retry: true }
  }
  if (resetIn === Infinity) return { when: 'It never begins anew.', retry: false }
  const seconds = Math.ceil(resetIn / 1000)
  return { when: `More in ${formatWait(resetIn)}.`, seconds, ...resetIn > PATIENCE && { retry: false } }
}

function remedy (limit: Limit): string {
  const { name, owner } = limit
  const place = `set "${name}" for ${ownerOf(limit, 'the key')} in the gateway's keys.json`
  return `To raise the limit, ${place}${name === 'max_requests_per_hour' && groupOf(owner) === undefined ? ', or MAX_REQUESTS_PER_HOUR for all keys' : ''}.`
}

/** A group is named, for it is others' limit too; a key knows who it is. */
function ownerOf ({ owner, label }: Limit, key = 'this key'): string {
  return groupOf(owner) === undefined ? key : `group "${label}"`
}

function capital (text: string): string {
  return text[0]?.toUpperCase() + text.slice(1)
}
