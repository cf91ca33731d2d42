import type { Window } from '../store.ts'

/**
 * What lies in Redis. The braces are Redis Cluster's hash tag: all keys are in one slot, so that one script may touch them.
 *
 *     llmgw:{limits}:meta              epoch · run · base · writes: which data this is (see scripts/hello.ts)
 *     llmgw:{limits}:owners            sorted set: gateway → until when it lives, unless it says so again
 *     llmgw:{limits}:holds:OWNER       hash: hold's id → what it holds, packed
 *     llmgw:{limits}:applied:OWNER     the gateway's last message that was applied
 *     llmgw:{limits}:source:SOURCE     the gateway that has this database: the one before it is no more
 *     llmgw:{limits}:gone:ID           a reservation that was given up before it came
 *     llmgw:{limits}:counter:NAME      hash: p epoch · u used · e ends at · w window · n open holds of the window
 *                                            o:SOURCE its share is in · s:SOURCE its share as others know it · all
 */
export const PREFIX = 'llmgw:{limits}:'

export const keys = {
  meta: `${PREFIX}meta`,
  owners: `${PREFIX}owners`,
  holds: (owner: string) => `${PREFIX}holds:${owner}`,
  source: (source: string) => `${PREFIX}source:${source}`,
  applied: (owner: string) => `${PREFIX}applied:${owner}`,
  gone: (id: string) => `${PREFIX}gone:${id}`,
  counter: (name: string) => `${PREFIX}counter:${name}`
}

/** A window's one number, as scripts take it: a length in ms, when it ends, or -1 for never. */
export function spanOf (window: Window): number {
  if (window.kind === 'length') return window.ms
  return window.kind === 'calendar' && window.endsAt !== Infinity ? window.endsAt : -1
}
